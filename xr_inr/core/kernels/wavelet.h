/* One level of the wavelet's synthesis: core/latent/wavelet.py; docs/format.md, "Wavelet". */
#ifndef XR_INR_WAVELET_H
#define XR_INR_WAVELET_H

#include <stddef.h>

/* Merge a low-pass plane and its details, all in rows without gaps, into a plane of even + odd rows and columns.

There are as many odd rows as even ones or one fewer; columns likewise. along_x is (even_rows, odd_columns), along_y
(odd_rows, even_columns), both (odd_rows, odd_columns). scratch takes a plane. */
void merge_plane(
    const float *low, const float *along_x, const float *along_y, const float *both, size_t even_rows, size_t odd_rows,
    size_t even_columns, size_t odd_columns, float *scratch, float *plane
);

#endif
