/* Fine latents, quantised by a trellis: core/latent/fine.py; docs/format.md, "Fine latents". */
#ifndef XR_INR_FINE_H
#define XR_INR_FINE_H

#include "range_coder.h"

enum { FINE_UNIT_BITS = 4, STATES = 8 };

/* One call of latents of which some are fine, in sixteenths of a step: components x points of them. halves and means are
what the context network and neighbours say, and are replaced by the laws in use; states has one of each component. */
Status take_fine(
    Coder *coder, const Laws *laws, int fine_from, size_t components, size_t points, int32_t *halves, int32_t *means,
    int32_t *states, int32_t *latents
);

/* Replace latents by the integers that `take_fine` would decode, halves and means by their laws, and say which have their
lowest bit told first. wrong is set with OFF_GRID. */
Status tell_fine(
    int fine_from, size_t components, size_t points, int32_t *halves, int32_t *means, int32_t *states, int32_t *latents,
    uint8_t *told, int32_t *wrong
);

#endif
