/* Calls of integers from a stream: docs/format.md, "Integers under laws". */
#include "coder_steps.h"

#include <stdlib.h>

enum { ESCAPE_ORDER = 2, MOST_ESCAPE_BITS = 24 };
static const int32_t LARGEST_ESCAPE = 1 << 27;

int laws_prepare(Laws *laws) {
    for (int row = 0; row < LAW_ROWS; row++) {
        const uint32_t *left = laws->left[row];
        if (left[0] != 0 || left[LAW_COLUMNS] != 1u << LAW_BITS) return 0;
        for (int column = 0; column < LAW_COLUMNS; column++)
            if (left[column] >= left[column + 1]) return 0;
        int column = 0;
        for (uint32_t bucket = 0; bucket < BUCKETS; bucket++) {
            while (left[column + 1] <= bucket << (LAW_BITS - BUCKET_BITS)) column++;
            laws->first[row][bucket] = (uint8_t)column;
        }
    }
    return 1;
}

/* Read bits of the values at some indices, planes of bits from the highest to the lowest. */
static Status read_bits(Coder *coder, int bits, const size_t *chosen, size_t count, int32_t *values) {
    for (size_t n = 0; n < count; n++) values[chosen[n]] = 0;
    for (int plane = 0; plane < bits; plane++)
        for (size_t n = 0; n < count; n++) {
            const int bit = next_bit(coder);
            if (bit < 0) return INVALID_STREAM;
            values[chosen[n]] = 2 * values[chosen[n]] + bit;
        }
    return DONE;
}

/* How many low bits of an integer follow its column: one fewer where its lowest was told. */
static inline int bits_left(const int32_t *scales, const int8_t *lowest, size_t n) {
    return shift_of(scales[n]) - (lowest && lowest[n] >= 0);
}

/* Read the low bits of integers under wide laws into low, by rising number; chosen is scratch. */
static Status read_low(
    Coder *coder, size_t count, const int32_t *scales, const int8_t *lowest, int32_t *low, size_t *chosen
) {
    unsigned occurring = 0;
    for (size_t n = 0; n < count; n++) {
        occurring |= 1u << bits_left(scales, lowest, n);
        low[n] = 0;
    }
    for (int bits = 1; bits <= MOST_SHIFT; bits++) {
        size_t found = 0;
        if (!(occurring >> bits & 1)) continue;
        for (size_t n = 0; n < count; n++)
            if (bits_left(scales, lowest, n) == bits) chosen[found++] = n;
        const Status status = read_bits(coder, bits, chosen, found, low);
        if (status != DONE) return status;
    }
    return DONE;
}

/* Read what lies beyond the tables, an Exp-Golomb code, into excess; lengths and chosen are scratch. */
static Status read_excess(
    Coder *coder, size_t count, const int32_t *columns, int32_t *excess, int32_t *lengths, size_t *chosen
) {
    size_t growing = 0;
    for (size_t n = 0; n < count; n++) {
        lengths[n] = -1;
        if (columns[n] >= COLUMN_UP) {
            lengths[n] = 0;
            chosen[growing++] = n;
        }
    }
    for (int round = 0; growing > 0; round++) {
        if (round > MOST_ESCAPE_BITS) return TOO_LARGE;
        size_t left = 0;
        for (size_t n = 0; n < growing; n++) {
            const int bit = next_bit(coder);
            if (bit < 0) return INVALID_STREAM;
            lengths[chosen[n]] += bit;
            if (bit) chosen[left++] = chosen[n];
        }
        growing = left;
    }
    unsigned occurring = 0;
    for (size_t n = 0; n < count; n++)
        if (lengths[n] >= 0) occurring |= 1u << lengths[n];
    for (int length = 0; length <= MOST_ESCAPE_BITS; length++) {
        const int bits = length + ESCAPE_ORDER;
        size_t found = 0;
        if (!(occurring >> length & 1)) continue;
        for (size_t n = 0; n < count; n++)
            if (lengths[n] == length) chosen[found++] = n;
        const Status status = read_bits(coder, bits, chosen, found, excess);
        if (status != DONE) return status;
        for (size_t n = 0; n < found; n++) excess[chosen[n]] += (1 << bits) - (1 << ESCAPE_ORDER);
    }
    return DONE;
}

Status finish_call(
    Coder *coder, int escapes, size_t count, const int32_t *scales, const int32_t *means, const int8_t *lowest,
    int32_t *values
) {
    if (count > SIZE_MAX / sizeof(size_t)) return NO_MEMORY;
    size_t *chosen = malloc(count * sizeof(size_t));
    int32_t *low = malloc(count * sizeof(int32_t));
    int32_t *excess = escapes ? malloc(count * sizeof(int32_t)) : NULL;
    int32_t *lengths = escapes ? malloc(count * sizeof(int32_t)) : NULL;
    Status status = NO_MEMORY;
    if (!chosen || !low || (escapes && (!excess || !lengths))) goto done;
    status = read_low(coder, count, scales, lowest, low, chosen);
    if (status == DONE && escapes) status = read_excess(coder, count, values, excess, lengths, chosen);
    for (size_t n = 0; status == DONE && n < count; n++) {
        const int shift = shift_of(scales[n]);
        int32_t leading = values[n] - REACH;
        if (values[n] >= COLUMN_UP) {
            const int32_t magnitude = excess[n] + REACH + 1;
            if (magnitude > LARGEST_ESCAPE >> shift) status = TOO_LARGE;
            else leading = values[n] == COLUMN_UP ? magnitude : -magnitude;
        }
        if (lowest && lowest[n] >= 0) low[n] = 2 * low[n] + lowest[n];
        if (shift) leading = leading * (1 << shift) + low[n] - (1 << (shift - 1));
        values[n] = leading + base_of(means[n]);
    }
done:
    free(chosen);
    free(low);
    free(excess);
    free(lengths);
    return status;
}

Status take(Coder *coder, const Laws *laws, size_t count, const int32_t *scales, const int32_t *means, int32_t *values) {
    int wide = 0, escapes = 0;
    for (size_t n = 0; n < count; n++) {
        const int32_t scale = scales[n];
        if (scale < 0 || scale >= LAW_SCALES) return BAD_SCALE;
        const int column = next_column(coder, laws, row_of_law(scale, means[n]));
        if (column < 0) return INVALID_STREAM;
        wide |= scale >= TABLED_SCALES;
        escapes |= column >= COLUMN_UP;
        values[n] = column;
    }
    if (wide || escapes) return finish_call(coder, escapes, count, scales, means, NULL, values);
    for (size_t n = 0; n < count; n++) values[n] += base_of(means[n]) - REACH;
    return DONE;
}
