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

int64_t columns_foretold(const ColumnWalk *walk, size_t column, int64_t last, int64_t before, int64_t grown) {
    const int64_t *weights = walk->weights + column;
    int64_t mean = weights[0] * last + weights[walk->columns] * before;
    if (weights[2 * walk->columns]) mean += (mean * grown) >> 6;
    return clipped(mean, -LARGEST_MEAN, LARGEST_MEAN);
}

Status columns_begin(ColumnWalk *walk) {
    const size_t rows = walk->rows, columns = walk->columns, longest = rows < columns ? rows : columns;
    walk->along = malloc(columns * sizeof(int64_t));
    walk->across = malloc(rows * sizeof(int64_t));
    walk->grown = malloc(rows * sizeof(int64_t));
    walk->scales = malloc(longest * sizeof(int32_t));
    walk->means = malloc(longest * sizeof(int32_t));
    if (!walk->along || !walk->across || !walk->grown || !walk->scales || !walk->means) return NO_MEMORY;
    for (size_t column = 0; column < columns; column++) walk->along[column] = FIRST_MISS;
    for (size_t row = 0; row < rows; row++) {
        walk->across[row] = FIRST_MISS;
        walk->grown[row] = 0;
    }
    walk->front = walk->first = walk->stop = 0;
    return DONE;
}

int columns_next(ColumnWalk *walk) {
    if (walk->stop) walk->front++;
    const size_t front = walk->front, rows = walk->rows, columns = walk->columns;
    if (front >= rows + columns - 1) return 0;
    walk->first = front >= rows ? front - rows + 1 : 0;
    walk->stop = front < columns ? front + 1 : columns;
    for (size_t column = walk->first; column < walk->stop; column++) {
        const size_t row = front - column, n = column - walk->first;
        const int64_t last = row >= 1 ? walk->levels[(row - 1) * columns + column] : 0;
        const int64_t before = row >= 2 ? walk->levels[(row - 2) * columns + column] : 0;
        walk->means[n] = (int32_t)columns_foretold(walk, column, last, before, walk->grown[row]);
        walk->scales[n] =
            scale_index((ALONG_WEIGHT * walk->along[column] + ACROSS_WEIGHT * walk->across[row] + LEAST_SCALE) >> 6);
    }
    return 1;
}

void columns_learn(ColumnWalk *walk) {
    const size_t columns = walk->columns;
    for (size_t column = walk->first; column < walk->stop; column++) {
        const size_t row = walk->front - column;
        const int64_t value = walk->levels[row * columns + column];
        if (column == 0) walk->grown[row] = growth(value, row >= 1 ? walk->levels[(row - 1) * columns] : 0);
        if (row >= 1) {
            /* The first entry of a column is all of it, not a change. */
            const int64_t apart = 8 * value - walk->means[column - walk->first];
            const int64_t miss = 64 * (apart < 0 ? -apart : apart);
            walk->along[column] += (ALONG_SHARE * (miss - walk->along[column])) >> 5;
            walk->across[row] += (ACROSS_SHARE * (miss - walk->across[row])) >> 5;
        }
    }
}

void columns_end(ColumnWalk *walk) {
    free(walk->along);
    free(walk->across);
    free(walk->grown);
    free(walk->scales);
    free(walk->means);
}

Status read_columns(
    Coder *coder, const Laws *laws, const int64_t *weights, size_t rows, size_t columns, int64_t *levels
) {
    ColumnWalk walk = {.weights = weights, .rows = rows, .columns = columns, .levels = levels};
    int32_t *values = malloc((rows < columns ? rows : columns) * sizeof(int32_t));
    Status status = columns_begin(&walk);
    if (!values) status = NO_MEMORY;
    while (status == DONE && columns_next(&walk)) {
        status = take(coder, laws, walk.stop - walk.first, walk.scales, walk.means, values);
        for (size_t column = walk.first; status == DONE && column < walk.stop; column++)
            levels[(walk.front - column) * columns + column] = values[column - walk.first];
        if (status == DONE) columns_learn(&walk);
    }
    columns_end(&walk);
    free(values);
    return status;
}

Status tell_columns(
    const int64_t *weights, size_t rows, size_t columns, int64_t *levels, int32_t *values, int32_t *scales,
    int32_t *means, int64_t *sizes
) {
    ColumnWalk walk = {.weights = weights, .rows = rows, .columns = columns, .levels = levels};
    const Status status = columns_begin(&walk);
    while (status == DONE && columns_next(&walk)) {
        for (size_t column = walk.first; column < walk.stop; column++) {
            *values++ = (int32_t)levels[(walk.front - column) * columns + column];
            *scales++ = walk.scales[column - walk.first];
            *means++ = walk.means[column - walk.first];
        }
        *sizes++ = (int64_t)(walk.stop - walk.first);
        columns_learn(&walk);
    }
    columns_end(&walk);
    return status;
}
