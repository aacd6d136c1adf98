/* Values on the [0, 1] scale to small integers: core/decoded_values.py; docs/format.md, "From the model to samples". */
#ifndef XR_INR_SAMPLES_H
#define XR_INR_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

#include "exact.h"

/* What samples are. */
typedef enum { OF_UINT8, OF_INT8, OF_UINT16, OF_INT16 } SampleType;

/* Write round(clip(value * range + low, low, high)); low and high are whole, and samples of that type. */
void restore(const double *values, size_t count, double range, double low, double high, SampleType type, void *samples);

/* The same, for functions that are compiled for several processors. */
INLINED int32_t rounded(double value, double range, double low, double high) {
    value = value * range;
    value = value + low;
    value = value > low ? value : low;
    value = value < high ? value : high;
    value = value + ROUNDING;
    return (int32_t)(value - ROUNDING);
}

INLINED void convert(
    const double *values, size_t count, double range, double low, double high, SampleType type, void *samples
) {
    uint8_t *uint8 = samples;
    int8_t *int8 = samples;
    uint16_t *uint16 = samples;
    int16_t *int16 = samples;
    switch (type) {
    case OF_UINT8:
        for (size_t n = 0; n < count; n++) uint8[n] = (uint8_t)rounded(values[n], range, low, high);
        break;
    case OF_INT8:
        for (size_t n = 0; n < count; n++) int8[n] = (int8_t)rounded(values[n], range, low, high);
        break;
    case OF_UINT16:
        for (size_t n = 0; n < count; n++) uint16[n] = (uint16_t)rounded(values[n], range, low, high);
        break;
    case OF_INT16:
        for (size_t n = 0; n < count; n++) int16[n] = (int16_t)rounded(values[n], range, low, high);
        break;
    }
}

#endif
