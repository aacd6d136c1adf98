/* What is known around latents of a pass, and the laws that follow: core/latent/context.py; docs/format.md, "Latents". */
#ifndef XR_INR_SURROUNDINGS_H
#define XR_INR_SURROUNDINGS_H

#include "latents.h"

enum { APPROXIMATION = 3, PASSES = 4 };
static const size_t FIRST_ROW[PASSES] = {0, 1, 0, 1}, FIRST_COLUMN[PASSES] = {0, 1, 1, 0};

/* Magnitudes of a subband, (rank, height + 3, width + 3): what surrounds a parent may lie two beyond a far edge. */
typedef struct {
    uint8_t *values;
    size_t stride, plane;
} Magnitudes;

typedef struct {
    const LatentLaws *side;
    const Pyramid *pyramid;
    /* Components up to the last that is coded anywhere. */
    size_t rank;
    /* With a border of one, and magnitudes; 0 where not known yet. */
    int32_t *latents[MOST_SUBBANDS];
    Magnitudes magnitudes[MOST_SUBBANDS];
    /* At the positions of the pass, magnitudes summed over all groups before and over the last one. */
    uint32_t *before, *last;
    /* (rank, positions) what `look_around` found. */
    uint8_t *around;
    /* Scratch for a row of positions: features, and an offset each. */
    float *features, *offsets;
} Surroundings;

/* A pass of a subband. */
typedef struct {
    int subband, number;
    size_t rows, columns;
} Place;

/* Return which row of the scales a subband uses. */
static inline int scale_row(int subband) { return subband == 0 ? 0 : (subband + 2) / 3; }

/* The magnitudes of a component at a row of a pass: those at positions are every second one. */
static inline uint8_t *row_of(const Surroundings *known, int subband, size_t component, const Place *place, size_t row) {
    const Magnitudes *there = &known->magnitudes[subband];
    const size_t down = 1 + FIRST_ROW[place->number] + 2 * row, across = 1 + FIRST_COLUMN[place->number];
    return there->values + component * there->plane + down * there->stride + across;
}

/* Write the mean magnitude of all known neighbours at every position of a component. */
void look_around(const Surroundings *known, const Place *place, size_t component, uint8_t *found);

/* Write half indices and means of the laws of a component's latents in a pass; the last group had 2^last_bits components. */
void laws_of(
    const Surroundings *known, const ContextNetwork *network, const Place *place, size_t component, int last_bits,
    int32_t *halves, int32_t *means
);

#endif
