/* The range decoder and a call of integers: docs/format.md, "Range coder" and "Integers under laws".

Every symbol narrows the range to at least 2^8, so one word restores 2^32; a stream that has ended goes on in zeros. */
#include "range_coder.h"

#include <stdlib.h>

enum { REACH = 12, COLUMN_UP = 25, COLUMN_DOWN = 26, TABLED_SCALES = 16, MOST_SHIFT = 11, HALF = 4 };
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

static inline void narrow(Coder *coder, uint64_t left, uint64_t size, uint64_t scale) {
    coder->code -= scale * left;
    coder->range = scale * size;
    if (coder->range < (uint64_t)1 << 32) {
        uint32_t word = coder->position < coder->count ? coder->words[coder->position++] : 0;
        coder->code = coder->code << 32 | word;
        coder->range <<= 32;
    }
}

/* Return the column of a table row, or -1 where the stream is not one that an encoder writes. */
static inline int next_column(Coder *coder, const Laws *laws, int row) {
    const uint64_t scale = coder->range >> LAW_BITS;
    if (coder->code >= scale << LAW_BITS) return -1;
    const uint32_t quantile = (uint32_t)(coder->code / scale);
    const uint32_t *left = laws->left[row];
    int column = laws->first[row][quantile >> (LAW_BITS - BUCKET_BITS)];
    while (left[column + 1] <= quantile) column++;
    narrow(coder, left[column], left[column + 1] - left[column], scale);
    return column;
}

/* Return a bit, or -1. */
static inline int next_bit(Coder *coder) {
    const uint64_t scale = coder->range >> LAW_BITS, half = (uint64_t)1 << (LAW_BITS - 1);
    if (coder->code >= scale << LAW_BITS) return -1;
    const int bit = coder->code >= scale * half;
    narrow(coder, bit ? half : 0, half, scale);
    return bit;
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

/* How many low bits are uniform under a law. */
static inline int shift_of(int32_t scale) { return scale < TABLED_SCALES ? 0 : (scale - TABLED_SCALES + 3) / 3; }

/* The integer that a law is centred on. */
static inline int32_t base_of(int32_t mean) { return (int32_t)(((int64_t)mean + HALF) >> 3); }

/* Read the low bits of integers under wide laws into low, by rising shift; shifts has a bit for each that occurs, and
chosen is scratch. */
static Status read_low(
    Coder *coder, unsigned shifts, size_t count, const int32_t *scales, int32_t *low, size_t *chosen
) {
    for (int shift = 1; shift <= MOST_SHIFT; shift++) {
        size_t found = 0;
        if (!(shifts >> shift & 1)) continue;
        for (size_t n = 0; n < count; n++)
            if (shift_of(scales[n]) == shift) chosen[found++] = n;
        const Status status = read_bits(coder, shift, chosen, found, low);
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

/* The rarer part of a call: some law has a shift, or some column is an escape. values holds columns, then integers. */
static Status finish_call(
    Coder *coder, unsigned shifts, int escapes, size_t count, const int32_t *scales, const int32_t *means,
    int32_t *values
) {
    if (count > SIZE_MAX / sizeof(size_t)) return NO_MEMORY;
    size_t *chosen = malloc(count * sizeof(size_t));
    int32_t *low = malloc(count * sizeof(int32_t));
    int32_t *excess = escapes ? malloc(count * sizeof(int32_t)) : NULL;
    int32_t *lengths = escapes ? malloc(count * sizeof(int32_t)) : NULL;
    Status status = NO_MEMORY;
    if (!chosen || !low || (escapes && (!excess || !lengths))) goto done;
    status = read_low(coder, shifts, count, scales, low, chosen);
    if (status == DONE && escapes) status = read_excess(coder, count, values, excess, lengths, chosen);
    for (size_t n = 0; status == DONE && n < count; n++) {
        const int shift = shift_of(scales[n]);
        int32_t leading = values[n] - REACH;
        if (values[n] >= COLUMN_UP) {
            const int32_t magnitude = excess[n] + REACH + 1;
            if (magnitude > LARGEST_ESCAPE >> shift) status = TOO_LARGE;
            else leading = values[n] == COLUMN_UP ? magnitude : -magnitude;
        }
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
    unsigned shifts = 0;
    int escapes = 0;
    for (size_t n = 0; n < count; n++) {
        const int32_t scale = scales[n];
        if (scale < 0 || scale >= LAW_SCALES) return BAD_SCALE;
        const int shift = shift_of(scale);
        const int fraction = shift ? HALF : (int)(((uint32_t)means[n] + HALF) & 7);
        const int column = next_column(coder, laws, 8 * (scale - 3 * shift) + fraction);
        if (column < 0) return INVALID_STREAM;
        shifts |= 1u << shift;
        escapes |= column >= COLUMN_UP;
        values[n] = column;
    }
    if (shifts > 1 || escapes) return finish_call(coder, shifts, escapes, count, scales, means, values);
    for (size_t n = 0; n < count; n++) values[n] += base_of(means[n]) - REACH;
    return DONE;
}
