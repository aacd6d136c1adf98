/* The latents of a stream, pass by pass: core/latent/latents.py; docs/format.md, "Latents". */
#ifndef XR_INR_LATENTS_H
#define XR_INR_LATENTS_H

#include "context_network.h"
#include "fine.h"
#include "range_coder.h"

enum { MOST_LEVELS = 6, MOST_SUBBANDS = 1 + 3 * MOST_LEVELS, MOST_COMPONENTS = 255, LOGARITHMS = 512 };
enum { MEAN_CLASSES = 9, MEAN_WEIGHTS = 6 };

typedef struct {
    int level;
    /* 0 details along x, 1 along y, 2 along both, 3 the approximation. */
    int orientation;
    size_t height, width;
} Subband;

typedef struct {
    size_t height, width;
    int levels, count;
    Subband subbands[MOST_SUBBANDS];
} Pyramid;

/* What is stored beside the latents, and what turns surroundings into laws. */
typedef struct {
    size_t components;
    /* (levels + 1) x components, each in [0, LAW_SCALES). */
    const int32_t *scales;
    /* MEAN_CLASSES x MEAN_WEIGHTS. */
    const int32_t *mean_weights;
    /* Height x width of the scene: 1 where a pixel repeats another; NULL where none does. */
    const uint8_t *repeated;
    /* (components) what each adds to its scale indices. */
    const float *offsets;
    /* Magnitudes of 0, 1, 2 and so on, LOGARITHMS << unit_bits of them. */
    const uint8_t *logarithms;
    /* Latents under laws of at least this scale are fine; LAW_SCALES where there are none. */
    int fine_from;
    /* Latents count steps over 2^unit_bits. */
    int unit_bits;
    /* Without a first_bias: that is a sum of the biases of a pass, an orientation and a level. */
    ContextNetwork network;
    /* (4, 4 and MOST_LEVELS + 1) x NETWORK_HIDDEN. */
    const float *of_pass, *of_orientation, *of_level;
} LatentLaws;

/* Return the subbands of planes of a size. */
Pyramid pyramid_of(size_t height, size_t width);

/* Return how many numbers all latents take, each subband with a border of one. */
size_t bordered_size(const Pyramid *pyramid, size_t components);

/* Read all latents into zeros, subband after subband, (components, height + 2, width + 2) each. */
Status read_latents(
    Coder *coder, const Laws *laws, const LatentLaws *side, const Pyramid *pyramid, int32_t *latents
);

/* The latents of an encoder call by call, with their laws. */
typedef struct {
    /* Room for so many latents and calls; how many there are. */
    size_t room, room_of_calls, count, calls;
    int32_t *values, *scales, *means;
    /* 1 where the lowest bit of an integer goes before the columns of its call. */
    uint8_t *told;
    int64_t *sizes;
    /* The latent that is not on a grid, where that is the status. */
    int32_t wrong;
} LatentCalls;

/* Tell of all latents, laid out as `read_latents` leaves them, in the order it would read them. */
Status tell_latents(const LatentLaws *side, const Pyramid *pyramid, int32_t *latents, LatentCalls *told);

#endif
