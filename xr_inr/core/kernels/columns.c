/* Columns of whole numbers, front by front: see columns.h. All sums stay below 2^45. */
#include "columns.h"

#include <stdlib.h>

enum { FIRST_MISS = 1024, ALONG_SHARE = 16, ACROSS_SHARE = 10 };
enum { ALONG_WEIGHT = 21, ACROSS_WEIGHT = 9, LEAST_SCALE = 2800 };
static const int64_t LARGEST_MEAN = (int64_t)1 << 29;

static inline int64_t clipped(int64_t value, int64_t low, int64_t high) {
    return value < low ? low : value > high ? high : value;
}

/* By how much an entry of the first column differs from the one above, over that one, in 64ths. */
static int64_t growth(int64_t now, int64_t before) {
    if (before == 0) return 0;
    const int64_t above = (now - before) * 64;
    const int64_t quotient = above / before - (above % before != 0 && (above < 0) != (before < 0));
    return clipped(quotient, -64, 128);
}

/* How many limits lie below: limit n is 36, 45 or 57 octaves up. */
static int32_t scale_index(int64_t spread) {
    int32_t index = 0;
    while (index < LAW_SCALES - 1 && (int64_t)(index % 3 == 0 ? 36 : index % 3 == 1 ? 45 : 57) << (index / 3) < spread)
        index++;
    return index;
}

static inline int64_t foretold(const int64_t *weights, size_t columns, size_t column, int64_t last, int64_t before,
                               int64_t grown) {
    int64_t mean = weights[column] * last + weights[columns + column] * before;
    if (weights[2 * columns + column]) mean += (mean * grown) >> 6;
    return clipped(mean, -LARGEST_MEAN, LARGEST_MEAN);
}

Status read_columns(
    Coder *coder, const Laws *laws, const int64_t *weights, size_t rows, size_t columns, int64_t *levels
) {
    const size_t longest = rows < columns ? rows : columns;
    int64_t *along = malloc(columns * sizeof(int64_t)), *across = malloc(rows * sizeof(int64_t));
    int64_t *grown = malloc(rows * sizeof(int64_t));
    int32_t *scales = malloc(longest * sizeof(int32_t)), *means = malloc(longest * sizeof(int32_t));
    int32_t *values = malloc(longest * sizeof(int32_t));
    Status status = along && across && grown && scales && means && values ? DONE : NO_MEMORY;
    for (size_t column = 0; status == DONE && column < columns; column++) along[column] = FIRST_MISS;
    for (size_t row = 0; status == DONE && row < rows; row++) {
        across[row] = FIRST_MISS;
        grown[row] = 0;
    }
    for (size_t front = 0; status == DONE && front < rows + columns - 1; front++) {
        const size_t first = front >= rows ? front - rows + 1 : 0;
        const size_t stop = front < columns ? front + 1 : columns;
        for (size_t column = first; column < stop; column++) {
            const size_t row = front - column;
            const int64_t last = row >= 1 ? levels[(row - 1) * columns + column] : 0;
            const int64_t before = row >= 2 ? levels[(row - 2) * columns + column] : 0;
            means[column - first] = (int32_t)foretold(weights, columns, column, last, before, grown[row]);
            scales[column - first] =
                scale_index((ALONG_WEIGHT * along[column] + ACROSS_WEIGHT * across[row] + LEAST_SCALE) >> 6);
        }
        status = take(coder, laws, stop - first, scales, means, values);
        for (size_t column = first; status == DONE && column < stop; column++) {
            const size_t row = front - column;
            const int64_t value = values[column - first];
            levels[row * columns + column] = value;
            if (column == 0) grown[row] = growth(value, row >= 1 ? levels[(row - 1) * columns] : 0);
            if (row >= 1) {
                /* The first entry of a column is all of it, not a change. */
                const int64_t apart = 8 * value - means[column - first];
                const int64_t miss = 64 * (apart < 0 ? -apart : apart);
                along[column] += (ALONG_SHARE * (miss - along[column])) >> 5;
                across[row] += (ACROSS_SHARE * (miss - across[row])) >> 5;
            }
        }
    }
    free(along);
    free(across);
    free(grown);
    free(scales);
    free(means);
    free(values);
    return status;
}
