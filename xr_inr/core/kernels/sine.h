/* Sines in the arithmetic of core/fixed_point.py; docs/format.md, "Exact arithmetic". */
#ifndef XR_INR_SINE_H
#define XR_INR_SINE_H

#include <stddef.h>

/* Put round(2**20 sin(2 pi t)) in the place of each number, t being the number times `scale`, which is below 2**51. */
void sines(double *numbers, size_t count, double scale);

#endif
