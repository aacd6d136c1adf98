/* Products of a matrix with what many pixels have, whose sums are exact. */
#ifndef XR_INR_PRODUCT_H
#define XR_INR_PRODUCT_H

#include <math.h>
#include <stddef.h>

#include "exact.h"

/* Pixels that registers hold. */
enum { LANES = 16 };

INLINED double add_product(double sum, double weight, double value, const int fused) {
    return fused ? fma(weight, value, sum) : sum + weight * value;
}

/* Sums of a unit for `LANES` pixels. */
INLINED void multiply_one(
    const double *weights, double bias, size_t inputs, const double *values, size_t stride, double *sums, const int fused
) {
    double sum[LANES];
    for (size_t n = 0; n < LANES; n++) sum[n] = bias;
    for (size_t k = 0; k < inputs; k++) {
        const double *value = values + k * stride, weight = weights[k];
        for (size_t n = 0; n < LANES; n++) sum[n] = add_product(sum[n], weight, value[n], fused);
    }
    for (size_t n = 0; n < LANES; n++) sums[n] = sum[n];
}

/* The same of four units, so that what is loaded serves all: arrays of their own, since those stay in registers. */
INLINED void multiply_four(
    const double *weights, const double *biases, size_t inputs, const double *values, size_t stride, double *sums,
    const int fused
) {
    double a[LANES], b[LANES], c[LANES], d[LANES];
    for (size_t n = 0; n < LANES; n++) a[n] = biases[0], b[n] = biases[1], c[n] = biases[2], d[n] = biases[3];
    for (size_t k = 0; k < inputs; k++) {
        const double *value = values + k * stride, *weight = weights + k;
        const double of_a = weight[0], of_b = weight[inputs], of_c = weight[2 * inputs], of_d = weight[3 * inputs];
        for (size_t n = 0; n < LANES; n++) a[n] = add_product(a[n], of_a, value[n], fused);
        for (size_t n = 0; n < LANES; n++) b[n] = add_product(b[n], of_b, value[n], fused);
        for (size_t n = 0; n < LANES; n++) c[n] = add_product(c[n], of_c, value[n], fused);
        for (size_t n = 0; n < LANES; n++) d[n] = add_product(d[n], of_d, value[n], fused);
    }
    for (size_t n = 0; n < LANES; n++) {
        sums[n] = a[n], sums[stride + n] = b[n], sums[2 * stride + n] = c[n], sums[3 * stride + n] = d[n];
    }
}

/* Sums of (units, inputs) weights and (inputs, stride) values to biases, (units, stride); `count` is rounded up to a
multiple of `LANES`. They must be exact, fused or not, in any order: whole multiples of a unit, below 2**53 of it. */
INLINED void multiply(
    const double *weights, const double *biases, size_t units, size_t inputs, const double *values, size_t count,
    size_t stride, double *sums, const int fused, const int wide
) {
    for (size_t start = 0; start < count; start += LANES) {
        size_t unit = 0;
        for (; wide && unit + 4 <= units; unit += 4)
            multiply_four(weights + unit * inputs, biases + unit, inputs, values + start, stride,
                          sums + unit * stride + start, fused);
        for (; unit < units; unit++)
            multiply_one(weights + unit * inputs, biases[unit], inputs, values + start, stride,
                         sums + unit * stride + start, fused);
    }
}

#endif
