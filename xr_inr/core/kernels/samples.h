/* Values on the [0, 1] scale to small integers: core/decoded_values.py; docs/format.md, "From the model to samples". */
#ifndef XR_INR_SAMPLES_H
#define XR_INR_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

/* What samples are. */
typedef enum { OF_UINT8, OF_INT8, OF_UINT16, OF_INT16 } SampleType;

/* Write round(clip(value * range + low, low, high)); low and high are whole, and samples of that type. */
void restore(const double *values, size_t count, double range, double low, double high, SampleType type, void *samples);

#endif
