/* Planes of components to samples: core/decoded_values.py; docs/format.md, "From the model to samples". */
#ifndef XR_INR_SPECTRA_H
#define XR_INR_SPECTRA_H

#include "samples.h"

typedef struct {
    size_t bands, rank;
    /* (bands, rank), so coarse and so small that sums of their products with planes are exact. */
    const double *directions;
    /* (bands), added to these sums; then all is multiplied by the step. */
    const double *means;
    double step;
    /* What `restore` takes. */
    double range, low, high;
    SampleType type;
} Spectra;

/* Write (bands, pixels) samples of (rank, pixels) planes; return 0 where memory does not suffice. */
int spectra(const Spectra *of, const float *planes, size_t pixels, void *samples);

#endif
