/* Sines in the arithmetic of core/fixed_point.py: see sine.h. */
#include "sine.h"

#include "exact.h"

#include <math.h>

/* fixed_point._COSINE */
static const double COSINE[6] = {
    0.9999999997791529, -19.739208547715332, 64.93934647616803, -85.45356475943481, 60.14388953533489, -24.98143432289362,
};

INLINED void replace(double *numbers, size_t count, double scale) {
    for (size_t n = 0; n < count; n++) {
        double turns = numbers[n] * scale;
        double whole = turns + ROUNDING;
        whole = whole - ROUNDING;
        turns = turns - whole;
        /* sin(2 pi t) = sign(t) cos(2 pi (|t| - 1/4)) for |t| <= 1/2 */
        double squared = fabs(turns) - 0.25;
        squared = squared * squared;
        double result = COSINE[5];
        for (int k = 4; k >= 0; k--) {
            result = result * squared;
            result = result + COSINE[k];
        }
        result = copysign(result, turns) * 1048576.0;
        result = result + ROUNDING;
        numbers[n] = result - ROUNDING;
    }
}

#if defined(__GNUC__) && defined(__x86_64__)
/* With wider instructions, where the processor has them; the bits are the same. */
__attribute__((target("avx512f"))) static void replace_widely(double *numbers, size_t count, double scale) {
    replace(numbers, count, scale);
}

__attribute__((target("avx2"))) static void replace_avx2(double *numbers, size_t count, double scale) {
    replace(numbers, count, scale);
}
#endif

void sines(double *numbers, size_t count, double scale) {
#if defined(__GNUC__) && defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) {
        replace_widely(numbers, count, scale);
        return;
    }
    if (__builtin_cpu_supports("avx2")) {
        replace_avx2(numbers, count, scale);
        return;
    }
#endif
    replace(numbers, count, scale);
}
