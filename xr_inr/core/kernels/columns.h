/* The entries of columns of whole numbers: core/latent/columns.py; docs/format.md, "Spectral basis". */
#ifndef XR_INR_COLUMNS_H
#define XR_INR_COLUMNS_H

#include "range_coder.h"

/* Read the entries of rows x columns, both at least 1, into levels.

weights holds three rows of one number a column: what the entry above counts, what the one above that counts, both in
eighths, and whether the column follows the first one. */
Status read_columns(
    Coder *coder, const Laws *laws, const int64_t *weights, size_t rows, size_t columns, int64_t *levels
);

#endif
