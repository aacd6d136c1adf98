/* A sinusoidal network at all pixels, some of a row at a time: see sine_network.h. */
#include "sine_network.h"

#include "exact.h"
#include "product.h"
#include "sine.h"

#include <math.h>
#include <stdlib.h>

/* Pixels of a row that are worked on at once. */
enum { AT_ONCE = 128, NEIGHBOURS = 4 };

/* Inputs are clipped to 4 and taken in quarters, outputs to what planes may be. */
static const double LARGEST_INPUT = 4194304.0, QUARTER = 0.25, LARGEST_PLANE = 134217728.0;
static const double WEIGHT_STEP = 1.0 / 16777216.0;

/* Turns in a step of products, for sines of omega 1. */
static const double TURNS = 1.0 / (2.0 * 3.141592653589793) / (1048576.0 * 16777216.0);

size_t coordinates_of(const SineNetwork *network) {
    return network->units[0] * (network->curved ? 2 : 1 + NEIGHBOURS);
}

static size_t inputs_of(const SineNetwork *network, int layer) {
    return layer == 0 ? coordinates_of(network) : network->units[layer];
}

size_t weights_of(const SineNetwork *network) {
    size_t total = 0;
    for (int layer = 0; layer < NETWORK_LAYERS; layer++) {
        total += network->units[layer + 1] * (inputs_of(network, layer) + 1);
    }
    return total;
}

INLINED double within(double value, double limit) {
    value = value < limit ? value : limit;
    return value > -limit ? value : -limit;
}

/* To the nearest whole number, ties to even; below 2**51. A zero is positive, where that matters not. */
INLINED double whole(double value) {
    value = value + ROUNDING;
    return value - ROUNDING;
}

/* Coordinates of pixels of a row, (coordinates, stride). */
INLINED void see(
    const SineNetwork *network, const float *planes, size_t rows, size_t columns, size_t row, size_t start,
    size_t count, size_t stride, double *seen
) {
    const size_t inputs = network->units[0];
    const size_t up = row > 0 ? columns : 0, down = row + 1 < rows ? columns : 0;
    for (size_t k = 0; k < inputs; k++) {
        const float *here = planes + (k * rows + row) * columns + start;
        double differences[NEIGHBOURS][AT_ONCE];
        for (size_t n = 0; n < count; n++) {
            const double own = here[n];
            differences[0][n] = (double)*(here + n - up) - own;
            differences[1][n] = (double)here[n + down] - own;
            seen[k * stride + n] = own;
        }
        for (size_t n = 0; n < count; n++) {
            const double own = here[n];
            const size_t column = start + n;
            differences[2][n] = (double)*(here + n - (column > 0)) - own;
            differences[3][n] = (double)here[n + (column + 1 < columns)] - own;
        }
        if (network->curved) {
            double *sums = seen + (inputs + k) * stride;
            for (size_t n = 0; n < count; n++) {
                double sum = differences[0][n] + differences[1][n];
                sum = sum + differences[2][n];
                sums[n] = sum + differences[3][n];
            }
        } else {
            for (size_t side = 0; side < NEIGHBOURS; side++) {
                double *slopes = seen + ((1 + side) * inputs + k) * stride;
                for (size_t n = 0; n < count; n++) slopes[n] = differences[side][n];
            }
        }
    }
    const size_t all = coordinates_of(network);
    for (size_t k = 0; k < all; k++) {
        double *values = seen + k * stride;
        const double gain = network->gains[k];
        for (size_t n = 0; n < count; n++) values[n] = whole(within(values[n] * gain, LARGEST_INPUT)) * QUARTER;
    }
}

INLINED void say_with(
    const SineNetwork *network, const float *planes, size_t rows, size_t columns, float *said, double *from, double *to,
    const int fused, const int wide
) {
    const size_t outputs = network->units[NETWORK_LAYERS];
    const size_t parts = (columns + AT_ONCE - 1) / AT_ONCE, width = (columns + parts - 1) / parts;
    const size_t stride = (width + LANES - 1) / LANES * LANES;
    for (size_t row = 0; row < rows; row++) {
        for (size_t start = 0; start < columns; start += width) {
            const size_t count = columns - start < width ? columns - start : width;
            double *values = from, *sums = to;
            see(network, planes, rows, columns, row, start, count, stride, values);
            const double *weights = network->layers;
            for (int layer = 0; layer < NETWORK_LAYERS; layer++) {
                const size_t inputs = inputs_of(network, layer), units = network->units[layer + 1];
                const double *biases = weights + units * inputs;
                multiply(weights, biases, units, inputs, values, count, stride, sums, fused, wide);
                if (layer < NETWORK_LAYERS - 1) sines(sums, units * stride, TURNS);
                double *spare = values;
                values = sums;
                sums = spare;
                weights = biases + units;
            }
            for (size_t k = 0; k < outputs; k++) {
                float *place = said + (k * rows + row) * columns + start;
                const double *found = values + k * stride;
                const double gain = network->last_gains[k];
                for (size_t n = 0; n < count; n++) {
                    const double value = copysign(whole(found[n] * WEIGHT_STEP), found[n]);
                    place[n] = (float)copysign(whole(within(value * gain, LARGEST_PLANE)), value);
                }
            }
        }
    }
}

#if defined(__GNUC__) && defined(__x86_64__)
/* With wider instructions, where the processor has them; the bits are the same. */
__attribute__((target("avx512f"))) static void say_widely(
    const SineNetwork *network, const float *planes, size_t rows, size_t columns, float *said, double *from, double *to
) {
    say_with(network, planes, rows, columns, said, from, to, 1, 1);
}

__attribute__((target("avx2,fma"))) static void say_fused(
    const SineNetwork *network, const float *planes, size_t rows, size_t columns, float *said, double *from, double *to
) {
    say_with(network, planes, rows, columns, said, from, to, 1, 0);
}
#endif

static void say_plainly(
    const SineNetwork *network, const float *planes, size_t rows, size_t columns, float *said, double *from, double *to
) {
    say_with(network, planes, rows, columns, said, from, to, 0, 0);
}

int say(const SineNetwork *network, const float *planes, size_t rows, size_t columns, float *said) {
    size_t most = coordinates_of(network);
    for (int layer = 1; layer <= NETWORK_LAYERS; layer++) {
        if (network->units[layer] > most) most = network->units[layer];
    }
    /* Beyond the end of a row stand numbers of the one before, or zeros: they are worked on, and not used. */
    double *both = calloc(2 * most * AT_ONCE, sizeof(double));
    if (both == NULL) return 0;
    double *other = both + most * AT_ONCE;
#if defined(__GNUC__) && defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) {
        say_widely(network, planes, rows, columns, said, both, other);
    } else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        say_fused(network, planes, rows, columns, said, both, other);
    } else
#endif
        say_plainly(network, planes, rows, columns, said, both, other);
    free(both);
    return 1;
}
