/* Single steps of the range decoder, and what a law's index and mean say: docs/format.md, "Range coder" and "Laws".

Every symbol narrows the range to at least 2^8, so one word restores 2^32; a stream that has ended goes on in zeros. */
#ifndef XR_INR_CODER_STEPS_H
#define XR_INR_CODER_STEPS_H

#include "range_coder.h"

enum { REACH = 12, COLUMN_UP = 25, COLUMN_DOWN = 26, TABLED_SCALES = 16, MOST_SHIFT = 11, HALF = 4 };

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

/* How many low bits are uniform under a law. */
static inline int shift_of(int32_t scale) { return scale < TABLED_SCALES ? 0 : (scale - TABLED_SCALES + 3) / 3; }

/* The integer that a law is centred on. */
static inline int32_t base_of(int32_t mean) { return (int32_t)(((int64_t)mean + HALF) >> 3); }

/* Return the row of tables of a law; its place of the mean between integers does not matter where low bits are uniform. */
static inline int row_of_law(int32_t scale, int32_t mean) {
    const int shift = shift_of(scale);
    return 8 * (scale - 3 * shift) + (shift ? HALF : (int)(((uint32_t)mean + HALF) & 7));
}

#endif
