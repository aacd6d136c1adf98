/* Values to samples in one pass: see samples.h. */
#include "samples.h"

#include "exact.h"

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

#if defined(__GNUC__) && defined(__x86_64__)
/* With wider instructions, where the processor has them; the bits are the same. */
__attribute__((target("avx2"))) static void convert_avx2(
    const double *values, size_t count, double range, double low, double high, SampleType type, void *samples
) {
    convert(values, count, range, low, high, type, samples);
}
#endif

void restore(
    const double *values, size_t count, double range, double low, double high, SampleType type, void *samples
) {
#if defined(__GNUC__) && defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) {
        convert_avx2(values, count, range, low, high, type, samples);
        return;
    }
#endif
    convert(values, count, range, low, high, type, samples);
}
