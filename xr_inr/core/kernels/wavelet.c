/* Lifting steps on whole numbers in floats, every operation rounded once: see wavelet.h. */
#include "wavelet.h"

#include "exact.h"

#include <math.h>
#include <string.h>

enum { STEPS = 4 };
static const float LIFTING[STEPS] = {-1.586134342059924f, -0.052980118572961f, 0.882911075530934f, 0.443506852043971f};

/* Round to the nearest whole number, ties to even: beyond 2^23 a float has no fraction. */
INLINED float rounded(float value) {
    const float room = 8388608.0f, size = fabsf(value), whole = (size + room) - room;
    return copysignf(size < room ? whole : size, value);
}

/* Undo a lifting step: take from count values what their neighbours foretell. */
INLINED void lift(float *values, const float *before, const float *after, size_t count, float coefficient) {
    for (size_t n = 0; n < count; n++) values[n] -= rounded(coefficient * (before[n] + after[n]));
}

/* Merge along the rows' axis: rows of width floats lie interleaved. Beyond an end stands the nearest of its kind. */
INLINED void merge_down(float *plane, size_t even, size_t odd, size_t width) {
    for (int step = STEPS - 1; odd && step >= 0; step--) {
        const size_t first = step % 2 == 0, rows = even + odd, last = rows - 1;
        for (size_t row = first; row < rows; row += 2) {
            const size_t above = row == 0 ? 1 : row - 1, below = row == last ? last - 1 : row + 1;
            lift(plane + row * width, plane + above * width, plane + below * width, width, LIFTING[step]);
        }
    }
}

/* Merge a row: its even values, then its odd ones, become a row in which they alternate. */
INLINED void merge_across(float *row, size_t even, size_t odd, float *found) {
    float *x = row, *y = row + even;
    for (int step = STEPS - 1; odd && step >= 0; step--) {
        const float coefficient = LIFTING[step];
        if (step % 2 == 0) {
            /* Between even values n and n + 1; the last odd value has none after it where there are as many. */
            lift(y, x, x + 1, even > odd ? odd : odd - 1, coefficient);
            if (even == odd) lift(y + odd - 1, x + even - 1, x + even - 1, 1, coefficient);
        } else {
            lift(x, y, y, 1, coefficient);
            lift(x + 1, y, y + 1, odd - 1, coefficient);
            if (even > odd) lift(x + odd, y + odd - 1, y + odd - 1, 1, coefficient);
        }
    }
    for (size_t n = 0; n < odd; n++) {
        found[2 * n] = x[n];
        found[2 * n + 1] = y[n];
    }
    if (even > odd) found[2 * odd] = x[odd];
}

INLINED void merge(
    const float *low, const float *along_x, const float *along_y, const float *both, size_t even_rows, size_t odd_rows,
    size_t even_columns, size_t odd_columns, float *scratch, float *plane
) {
    const size_t rows = even_rows + odd_rows, width = even_columns + odd_columns;
    for (size_t row = 0; row < rows; row++) {
        const size_t n = row / 2;
        float *target = scratch + row * width;
        memcpy(target, (row % 2 ? along_y : low) + n * even_columns, even_columns * sizeof(float));
        if (odd_columns) memcpy(target + even_columns, (row % 2 ? both : along_x) + n * odd_columns, odd_columns * sizeof(float));
    }
    merge_down(scratch, even_rows, odd_rows, width);
    for (size_t row = 0; row < rows; row++) merge_across(scratch + row * width, even_columns, odd_columns, plane + row * width);
}

#if defined(__GNUC__) && defined(__x86_64__)
/* With wider instructions, where the processor has them; the bits are the same. */
__attribute__((target("avx2"))) static void merge_avx2(
    const float *low, const float *along_x, const float *along_y, const float *both, size_t even_rows, size_t odd_rows,
    size_t even_columns, size_t odd_columns, float *scratch, float *plane
) {
    merge(low, along_x, along_y, both, even_rows, odd_rows, even_columns, odd_columns, scratch, plane);
}
#endif

void merge_plane(
    const float *low, const float *along_x, const float *along_y, const float *both, size_t even_rows, size_t odd_rows,
    size_t even_columns, size_t odd_columns, float *scratch, float *plane
) {
#if defined(__GNUC__) && defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) {
        merge_avx2(low, along_x, along_y, both, even_rows, odd_rows, even_columns, odd_columns, scratch, plane);
        return;
    }
#endif
    merge(low, along_x, along_y, both, even_rows, odd_rows, even_columns, odd_columns, scratch, plane);
}
