/* The context network, some points at a time: see context_network.h. */
#include "context_network.h"

#include <string.h>

/* Lanes are points side by side, what one or two instructions work on. TOGETHER are units whose sums are in registers. */
enum { TOGETHER = 8 };
#if defined(__GNUC__)
#define INLINED static inline __attribute__((always_inline))
enum { LANES = 8 };
typedef float Lanes __attribute__((vector_size(4 * LANES)));
typedef int32_t WholeLanes __attribute__((vector_size(4 * LANES)));
/* The same where they lie in an array. */
typedef float LanesThere __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int32_t WholeLanesThere __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

#define TO_WHOLE(values) __builtin_convertvector(values, WholeLanes)
#define TO_FLOATS(values) __builtin_convertvector(values, Lanes)

/* Clip values to 0 and the highest. A comparison gives lanes of ones or zeros. */
INLINED void clip(Lanes *values, float highest) {
    const Lanes zeros = {0}, limits = zeros + highest;
    const WholeLanes rectified = (WholeLanes)*values & (*values > zeros);
    const WholeLanes below = (Lanes)rectified < limits;
    *values = (Lanes)((rectified & below) | ((WholeLanes)limits & ~below));
}
#else
#define INLINED static inline
enum { LANES = 1 };
typedef float Lanes, LanesThere;
typedef int32_t WholeLanes, WholeLanesThere;

#define TO_WHOLE(values) ((int32_t)(values))
#define TO_FLOATS(values) ((float)(values))

INLINED void clip(Lanes *values, float highest) {
    *values = *values > 0.0f ? *values : 0.0f;
    *values = *values < highest ? *values : highest;
}
#endif

static const float LARGEST_VALUE = 255.0f, LARGEST_INDEX = 47.0f;

/* Evaluate a hidden layer. The bias of a unit lies bias_step from the next one's, its weights weight_step. */
INLINED void layer(
    Lanes *found, const Lanes *inputs, int count, const float *weights, int weight_step, const float *bias, int bias_step
) {
    for (int unit = 0; unit < NETWORK_HIDDEN; unit += TOGETHER) {
        Lanes sums[TOGETHER];
        for (int n = 0; n < TOGETHER; n++) sums[n] = (Lanes){0} + bias[(unit + n) * bias_step];
        for (int input = 0; input < count; input++)
            for (int n = 0; n < TOGETHER; n++) sums[n] += inputs[input] * weights[(unit + n) * weight_step + input];
        /* What is not negative is rounded down by a conversion. */
        for (int n = 0; n < TOGETHER; n++) {
            clip(&sums[n], LARGEST_VALUE);
            found[unit + n] = TO_FLOATS(TO_WHOLE(sums[n]));
        }
    }
}

INLINED void evaluate(const ContextNetwork *network, const Lanes *features, const float *offsets, int32_t *halves) {
    Lanes first[NETWORK_HIDDEN], second[NETWORK_HIDDEN];
    layer(first, features, NETWORK_FEATURES, network->first, NETWORK_FEATURES, network->first_bias, 1);
    layer(second, first, NETWORK_HIDDEN, network->second, NETWORK_HIDDEN + 1, network->second + NETWORK_HIDDEN,
          NETWORK_HIDDEN + 1);
    /* Four sums at a time: each addition waits for the one before it. */
    Lanes sums[4] = {*(const LanesThere *)offsets + network->third[NETWORK_HIDDEN]};
    for (int unit = 0; unit < NETWORK_HIDDEN; unit++) sums[unit % 4] += second[unit] * network->third[unit];
    Lanes sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    clip(&sum, LARGEST_INDEX);
    *(WholeLanesThere *)halves = TO_WHOLE(sum + sum);
}

INLINED void evaluate_all(
    const ContextNetwork *network, size_t points, const float *features, ptrdiff_t stride, const float *offsets,
    int32_t *halves
) {
    Lanes inputs[NETWORK_FEATURES];
    const size_t whole = points - points % LANES, rest = points - whole;
    for (size_t start = 0; start < whole; start += LANES) {
        for (int feature = 0; feature < NETWORK_FEATURES; feature++)
            inputs[feature] = *(const LanesThere *)(features + feature * stride + start);
        evaluate(network, inputs, offsets + start, halves + start);
    }
    if (rest) {
        float last_offsets[LANES] = {0};
        int32_t found[LANES];
        memset(inputs, 0, sizeof(inputs));
        for (int feature = 0; feature < NETWORK_FEATURES; feature++)
            memcpy(&inputs[feature], features + feature * stride + whole, rest * sizeof(float));
        memcpy(last_offsets, offsets + whole, rest * sizeof(float));
        evaluate(network, inputs, last_offsets, found);
        memcpy(halves + whole, found, rest * sizeof(int32_t));
    }
}

#if defined(__GNUC__) && defined(__x86_64__)
/* With wider instructions, where the processor has them; the bits are the same. */
__attribute__((target("avx2"))) static void evaluate_all_avx2(
    const ContextNetwork *network, size_t points, const float *features, ptrdiff_t stride, const float *offsets,
    int32_t *halves
) {
    evaluate_all(network, points, features, stride, offsets, halves);
}
#endif

void half_indices(
    const ContextNetwork *network, size_t points, const float *features, ptrdiff_t stride, const float *offsets,
    int32_t *halves
) {
#if defined(__GNUC__) && defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) {
        evaluate_all_avx2(network, points, features, stride, offsets, halves);
        return;
    }
#endif
    evaluate_all(network, points, features, stride, offsets, halves);
}
