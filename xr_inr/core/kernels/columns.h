/* The entries of columns of whole numbers: core/latent/columns.py; docs/format.md, "Spectral basis". */
#ifndef XR_INR_COLUMNS_H
#define XR_INR_COLUMNS_H

#include "range_coder.h"

/* A walk over entries, front by front: a front is those whose row and column numbers have the same sum.

weights holds three rows of one number a column: what the entry above counts, what the one above that counts, both in
eighths, and whether the column follows the first one. levels is rows x columns. */
typedef struct {
    const int64_t *weights;
    size_t rows, columns;
    int64_t *levels;
    /* The front: its columns are those from first to stop. */
    size_t front, first, stop;
    /* The scale index and the mean of the law of each of its entries. */
    int32_t *scales, *means;
    int64_t *along, *across, *grown;
} ColumnWalk;

/* Begin a walk whose first four members are set; whatever it comes to, the walk must be ended. */
Status columns_begin(ColumnWalk *walk);

/* Find the laws of the next front; 0 where there is none. */
int columns_next(ColumnWalk *walk);

/* Take note of the entries of the front, which stand in levels by now. */
void columns_learn(ColumnWalk *walk);

void columns_end(ColumnWalk *walk);

/* What an entry is foretold to be, in eighths, given the two above it and how the first column grows in its row. */
int64_t columns_foretold(const ColumnWalk *walk, size_t column, int64_t last, int64_t before, int64_t grown);

/* Read the entries of rows x columns, both at least 1, into levels. */
Status read_columns(
    Coder *coder, const Laws *laws, const int64_t *weights, size_t rows, size_t columns, int64_t *levels
);

/* Tell the laws of known entries: values, scale indices and means in the order of the stream, and the entries of each
front, of which there are rows + columns - 1. */
Status tell_columns(
    const int64_t *weights, size_t rows, size_t columns, int64_t *levels, int32_t *values, int32_t *scales,
    int32_t *means, int64_t *sizes
);

#endif
