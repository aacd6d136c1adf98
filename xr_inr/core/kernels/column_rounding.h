/* Rounding of columns so that error plus lambda times bits is small: core/latent/column_rounding.py. */
#ifndef XR_INR_COLUMN_ROUNDING_H
#define XR_INR_COLUMN_ROUNDING_H

#include "columns.h"

/* What to round, and what it costs. */
typedef struct {
    /* rows x columns. */
    const double *targets;
    /* What each column's entries are multiples of. */
    const double *steps;
    /* columns x columns: how much of the errors of columns before a column makes up for. */
    const double *below;
    /* What a squared error in each column costs. */
    const double *shares;
    /* What a bit costs in each row. */
    const double *worth;
    /* LAW_ROWS x LAW_COLUMNS: the bits of each column of each row of the tables. */
    const float *bits;
    /* rows x columns: the entries rounded to the nearest, and how the first of them grows in each row. */
    const int64_t *plain, *grown;
} Rounding;

/* Round to levels, rows x columns, both at least 1; weights as for ColumnWalk. */
Status round_columns(const Rounding *rounding, const int64_t *weights, size_t rows, size_t columns, int64_t *levels);

#endif
