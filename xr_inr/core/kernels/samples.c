/* Values to samples in one pass: see samples.h. */
#include "samples.h"

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
