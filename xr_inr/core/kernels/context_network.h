/* The context network: features of latents in, half indices of each law's scale out. core/latent/scales.py. */
#ifndef XR_INR_CONTEXT_NETWORK_H
#define XR_INR_CONTEXT_NETWORK_H

#include <stddef.h>
#include <stdint.h>

enum { NETWORK_FEATURES = 13, NETWORK_HIDDEN = 16 };

/* Weights divided by their units; every sum is exact in a float, so no order of summation matters. */
typedef struct {
    /* NETWORK_HIDDEN x NETWORK_FEATURES. */
    const float *first;
    /* NETWORK_HIDDEN. */
    const float *first_bias;
    /* NETWORK_HIDDEN x (NETWORK_HIDDEN + 1), the bias last. */
    const float *second;
    /* NETWORK_HIDDEN + 1, the bias last. */
    const float *third;
} ContextNetwork;

/* Write how many half indices the scales of points have. Feature f of point p is features[f * stride + p]. */
void half_indices(
    const ContextNetwork *network, size_t points, const float *features, ptrdiff_t stride, const float *offsets,
    int32_t *halves
);

#endif
