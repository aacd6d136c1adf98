/* Sinusoidal networks of core/latent/synthesis.py, at all pixels of planes; docs/format.md, "Sinusoidal networks". */
#ifndef XR_INR_SINE_NETWORK_H
#define XR_INR_SINE_NETWORK_H

#include <stddef.h>

enum { NETWORK_LAYERS = 3, MOST_UNITS = 4096 };

typedef struct {
    /* Planes that are seen, units of both hidden layers, planes that are spoken of; at least 1 each. */
    size_t units[NETWORK_LAYERS + 1];
    /* Whether the four differences of a plane are summed to one coordinate. */
    int curved;
    /* What each coordinate is multiplied with: planes, then differences from above, below, left and right, or sums. */
    const double *gains;
    /* Of each layer in turn weights (out, in), and then biases. */
    const double *layers;
    /* What each output is multiplied with. */
    const double *last_gains;
} SineNetwork;

/* How many coordinates a pixel has. */
size_t coordinates_of(const SineNetwork *network);

/* How many weights and biases all layers have. */
size_t weights_of(const SineNetwork *network);

/* Put what the network says of planes, (seen, rows, columns), into `said`, (spoken of, rows, columns). 0 without memory. */
int say(const SineNetwork *network, const float *planes, size_t rows, size_t columns, float *said);

#endif
