/* Each entry becomes the nearest whole number or one beside it, whichever costs least: see column_rounding.h. */
#include "column_rounding.h"

#include <math.h>
#include <stdlib.h>

enum { REACH = 12, TABLED_SCALES = 16, PER_OCTAVE = 3, FRACTIONS = 8, HALF = 4 };
static const double LARGEST_LEVEL = 1 << 26;
static const int CANDIDATES[] = {0, -1, 1};

/* About how many bits a value takes under a law: its table symbol, low bits, and an Exp-Golomb code of order 2. */
static float bits_under(const float *table, int64_t value, int32_t scale, int64_t mean) {
    const int above = scale - (TABLED_SCALES - 1), shift = above > 0 ? (above + PER_OCTAVE - 1) / PER_OCTAVE : 0;
    const int64_t base = (mean + HALF) >> 3, fraction = shift ? HALF : mean + HALF - base * 8;
    const int64_t leading = (value - base + ((int64_t)1 << shift >> 1)) >> shift;
    const int64_t excess = (leading < 0 ? -leading : leading) - REACH;
    const int64_t column = excess <= 0 ? leading + REACH : leading > 0 ? 2 * REACH + 1 : 2 * REACH + 2;
    float bits = table[((scale - PER_OCTAVE * shift) * FRACTIONS + fraction) * LAW_COLUMNS + column] + (float)shift;
    if (excess > 0) {
        int length = 0;
        for (int64_t rest = excess + 3; rest; rest >>= 1) length++;
        bits += (float)(2 * length - 3);
    }
    return bits;
}

static double limited(double value) {
    return value < -LARGEST_LEVEL ? -LARGEST_LEVEL : value > LARGEST_LEVEL ? LARGEST_LEVEL : value;
}

/* Return the cheapest candidate for an entry of the front, and set what error it makes. */
static int64_t cheapest(const Rounding *from, const ColumnWalk *walk, size_t row, size_t column, double *errors) {
    const size_t columns = walk->columns, under = row + 1 < walk->rows ? row + 1 : row;
    const double target = from->targets[row * columns + column], step = from->steps[column];
    double wanted = target, least = INFINITY;
    for (size_t other = 0; other < column; other++) wanted -= errors[other] * from->below[column * columns + other];
    const int64_t last = row ? walk->levels[(row - 1) * columns + column] : 0;
    const int32_t scale = walk->scales[column - walk->first], mean = walk->means[column - walk->first];
    int64_t best = 0;
    for (int n = 0; n < 3; n++) {
        const int64_t value = (int64_t)limited(rint(wanted / step) + CANDIDATES[n]);
        float bits = bits_under(from->bits, value, scale, mean);
        if (under > row) {
            /* An entry foretells the one under it, too. */
            const int64_t then = columns_foretold(walk, column, value, last, from->grown[under]);
            bits += bits_under(from->bits, from->plain[under * columns + column], scale, then);
        }
        const double miss = (double)value * step - wanted;
        const double cost = from->shares[column] * (miss * miss) + from->worth[row] * (double)bits;
        if (cost < least) {
            least = cost;
            best = value;
        }
    }
    errors[column] = (double)best * step - target;
    return best;
}

Status round_columns(const Rounding *rounding, const int64_t *weights, size_t rows, size_t columns, int64_t *levels) {
    ColumnWalk walk = {.weights = weights, .rows = rows, .columns = columns, .levels = levels};
    double *errors = malloc(rows * columns * sizeof(double));
    Status status = columns_begin(&walk);
    if (!errors) status = NO_MEMORY;
    while (status == DONE && columns_next(&walk)) {
        for (size_t column = walk.first; column < walk.stop; column++) {
            const size_t row = walk.front - column;
            levels[row * columns + column] = cheapest(rounding, &walk, row, column, errors + row * columns);
        }
        columns_learn(&walk);
    }
    columns_end(&walk);
    free(errors);
    return status;
}
