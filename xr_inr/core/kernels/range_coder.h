/* Integers from a range-coded stream, under the laws of core/latent/laws.py: docs/format.md, "Range coder". */
#ifndef XR_INR_RANGE_CODER_H
#define XR_INR_RANGE_CODER_H

#include <stddef.h>
#include <stdint.h>

enum { LAW_ROWS = 128, LAW_COLUMNS = 27, LAW_BITS = 24, LAW_SCALES = 48 };
enum { BUCKET_BITS = 6, BUCKETS = 1 << BUCKET_BITS };

/* What a kernel comes to; the numbers are those of the names in module.c. */
typedef enum { DONE = 0, INVALID_STREAM = 1, TOO_LARGE = 2, NO_MEMORY = 3, BAD_SCALE = 4, NO_ROOM = 5,
               LATENT_TOO_LARGE = 6, OFF_GRID = 7, WRONG_STATE = 8 } Status;

/* Integer tables: left[row][n] is where column n begins; it rises strictly from 0 to 2^24. */
typedef struct {
    uint32_t left[LAW_ROWS][LAW_COLUMNS + 1];
    /* The column in which each 64th of the 2^24 begins: where a search starts. */
    uint8_t first[LAW_ROWS][BUCKETS];
} Laws;

/* A stream being read. range is at least 2^32 between symbols. */
typedef struct {
    const uint32_t *words;
    size_t count;
    size_t position;
    uint64_t code;
    uint64_t range;
} Coder;

/* Fill in what follows from left; 0 where left does not rise strictly from 0 to 2^24. */
int laws_prepare(Laws *laws);

/* One call: count integers, one for each law. Scales are indices, means count eighths. */
Status take(Coder *coder, const Laws *laws, size_t count, const int32_t *scales, const int32_t *means, int32_t *values);

/* The rarer part of a call: some law has uniform low bits, or some column is an escape. values holds columns, then
integers; lowest, if there is one, the lowest bit of each integer whose lowest bit went before the columns, or -1. */
Status finish_call(
    Coder *coder, int escapes, size_t count, const int32_t *scales, const int32_t *means, const int8_t *lowest,
    int32_t *values
);

#endif
