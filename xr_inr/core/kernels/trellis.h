/* The cheapest latents of chains: core/latent/trellis.py. */
#ifndef XR_INR_TRELLIS_H
#define XR_INR_TRELLIS_H

#include "range_coder.h"

enum { TRELLIS_STATES = 8, TRELLIS_MAGNITUDES = 8192 };

/* Latents to decide on, count x points each: one chain after the other. */
typedef struct {
    size_t count, points;
    /* Where the squared error is least, in steps; what a miss of one costs; bits a unit of the magnitude feature. */
    const double *targets, *norms, *slopes;
    /* Half indices of scales, 0 to 94; means in eighths of a step; what they are, in sixteenths. */
    const int32_t *halves, *means, *now;
} Chains;

/* What bits and magnitudes count, and which latents are fine. */
typedef struct {
    /* LAW_ROWS x LAW_COLUMNS: the bits of each column of each row of the tables. */
    const double *bits;
    /* TRELLIS_MAGNITUDES: the magnitude feature of 0, 1, 2 and so on, the last one of all larger ones. */
    const double *magnitudes;
    /* What a bit costs. */
    double weight;
    /* Index of the scale from which on latents are fine, at least 1. */
    int32_t fine_from;
} Prices;

/* Find latents in sixteenths, count x points; states, 0 to 7, are changed to those after them. */
Status search_trellis(const Chains *chains, const Prices *prices, int32_t *states, int32_t *latents);

#endif
