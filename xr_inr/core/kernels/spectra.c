/* Planes of components to samples, some pixels at a time, so that no value leaves the cache: see spectra.h. */
#include "spectra.h"

#include <stdlib.h>

#include "product.h"

enum { AT_ONCE = 128, BANDS_AT_ONCE = 4 };

static size_t bytes_of(SampleType type) { return type == OF_UINT8 || type == OF_INT8 ? 1 : 2; }

INLINED void spectra_with(
    const Spectra *of, const float *planes, size_t pixels, char *samples, double *values, const int fused, const int wide
) {
    const double nothing[BANDS_AT_ONCE] = {0};
    const size_t bytes = bytes_of(of->type);
    double sums[BANDS_AT_ONCE * AT_ONCE];
    for (size_t start = 0; start < pixels; start += AT_ONCE) {
        const size_t count = pixels - start < AT_ONCE ? pixels - start : AT_ONCE;
        for (size_t k = 0; k < of->rank; k++)
            for (size_t n = 0; n < count; n++) values[k * AT_ONCE + n] = planes[k * pixels + start + n];
        for (size_t band = 0; band < of->bands; band += BANDS_AT_ONCE) {
            const size_t left = of->bands - band, some = left < BANDS_AT_ONCE ? left : BANDS_AT_ONCE;
            multiply(of->directions + band * of->rank, nothing, some, of->rank, values, count, AT_ONCE, sums, fused, wide);
            for (size_t unit = 0; unit < some; unit++) {
                double *row = sums + unit * AT_ONCE;
                const double mean = of->means[band + unit];
                for (size_t n = 0; n < count; n++) {
                    const double value = row[n] + mean;
                    row[n] = value * of->step;
                }
                char *place = samples + ((band + unit) * pixels + start) * bytes;
                convert(row, count, of->range, of->low, of->high, of->type, place);
            }
        }
    }
}

#if defined(__GNUC__) && defined(__x86_64__)
/* With wider instructions, where the processor has them; the bits are the same. */
__attribute__((target("avx512f,avx512bw,avx512vl"))) static void spectra_widely(
    const Spectra *of, const float *planes, size_t pixels, char *samples, double *values
) {
    spectra_with(of, planes, pixels, samples, values, 1, 1);
}

__attribute__((target("avx2,fma"))) static void spectra_fused(
    const Spectra *of, const float *planes, size_t pixels, char *samples, double *values
) {
    spectra_with(of, planes, pixels, samples, values, 1, 0);
}
#endif

int spectra(const Spectra *of, const float *planes, size_t pixels, void *samples) {
    /* Beyond the last pixel stand numbers of others, or zeros: they are worked on, and not used. */
    double *values = calloc((of->rank > 0 ? of->rank : 1) * AT_ONCE, sizeof(double));
    if (values == NULL) return 0;
#if defined(__GNUC__) && defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) {
        spectra_widely(of, planes, pixels, samples, values);
    } else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        spectra_fused(of, planes, pixels, samples, values);
    } else
#endif
        spectra_with(of, planes, pixels, samples, values, 0, 0);
    free(values);
    return 1;
}
