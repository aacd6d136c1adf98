/* Calls of fine latents, symbol by symbol: see fine.h. */
#include "fine.h"

#include <stdlib.h>

#include "coder_steps.h"

enum { SPACING = 9, UNIT = 1 << FINE_UNIT_BITS, LARGEST_SIXTEENTHS = ((1 << 17) - 1) << FINE_UNIT_BITS };
/* A latent of a call: not fine, fine with a law that depends on the state, or fine with a lowest bit told first. */
enum { NOT_FINE, LED, TOLD };

/* The state after each, by the bit that a fine latent gives. */
static const uint8_t NEXT_STATE[STATES][2] = {{0, 2}, {5, 7}, {1, 3}, {4, 6}, {2, 0}, {7, 5}, {3, 1}, {6, 4}};

/* Replace half indices and mean by the law of a latent; return what kind it is. */
static inline int law_of(int fine_from, int32_t *half_indices, int32_t *mean) {
    const int32_t halves = *half_indices;
    *half_indices = halves >> 1;
    if (halves >> 1 < fine_from) return NOT_FINE;
    const int64_t eighths = 8 * (int64_t)*mean + HALF;
    /* Rounded down, of negative ones too. */
    *mean = (int32_t)(eighths / SPACING - (eighths % SPACING < 0));
    *half_indices = (halves - 1) >> 1;
    return shift_of(*half_indices) ? TOLD : LED;
}

/* The bit of a fine latent whose lowest bit was told. */
static inline int told_bit(int lowest, int32_t scale, int32_t mean) {
    return (lowest + (shift_of(scale) == 1) + base_of(mean)) & 1;
}

/* Read the columns of a call under laws of all kinds; states go on. */
static Status read_columns_along(
    Coder *coder, const Laws *laws, size_t components, size_t points, const uint8_t *kinds, const int8_t *lowest,
    const int32_t *scales, int32_t *means, int32_t *states, uint8_t *odd, int32_t *columns, int *escapes
) {
    for (size_t component = 0, n = 0; component < components; component++) {
        int state = states[component];
        for (size_t last = n + points; n < last; n++) {
            odd[n] = kinds[n] != NOT_FINE && (state & 1);
            if (kinds[n] == LED && odd[n]) means[n] -= HALF;
            const int column = next_column(coder, laws, row_of_law(scales[n], means[n]));
            if (column < 0) return INVALID_STREAM;
            columns[n] = column;
            *escapes |= column >= COLUMN_UP;
            if (kinds[n] == TOLD) state = NEXT_STATE[state][told_bit(lowest[n], scales[n], means[n])];
            if (kinds[n] == LED) state = NEXT_STATE[state][column < COLUMN_UP && ((column + base_of(means[n])) & 1)];
        }
        states[component] = state;
    }
    return DONE;
}

/* Integers to latents in sixteenths, which must lie within the largest. */
static Status scale_up(size_t count, const uint8_t *kinds, const uint8_t *odd, int32_t *values) {
    for (size_t n = 0; n < count; n++) {
        const int64_t whole = values[n], found = kinds[n] == NOT_FINE ? UNIT * whole : SPACING * (2 * whole + odd[n]);
        if (found > LARGEST_SIXTEENTHS || found < -LARGEST_SIXTEENTHS) return LATENT_TOO_LARGE;
        values[n] = (int32_t)found;
    }
    return DONE;
}

Status take_fine(
    Coder *coder, const Laws *laws, int fine_from, size_t components, size_t points, int32_t *halves, int32_t *means,
    int32_t *states, int32_t *latents
) {
    const size_t count = components * points;
    uint8_t *kinds = malloc(count + 1), *odd = malloc(count + 1);
    int8_t *lowest = malloc(count + 1);
    Status status = kinds && odd && lowest ? DONE : NO_MEMORY;
    int wide = 0, escapes = 0;
    for (size_t n = 0; status == DONE && n < count; n++) {
        if (halves[n] < 0 || halves[n] > 2 * (LAW_SCALES - 1)) {
            status = BAD_SCALE;
            break;
        }
        kinds[n] = (uint8_t)law_of(fine_from, &halves[n], &means[n]);
        wide |= halves[n] >= TABLED_SCALES;
        lowest[n] = -1;
        if (kinds[n] == TOLD && (lowest[n] = (int8_t)next_bit(coder)) < 0) status = INVALID_STREAM;
    }
    if (status == DONE)
        status = read_columns_along(coder, laws, components, points, kinds, lowest, halves, means, states, odd, latents,
                                    &escapes);
    if (status == DONE && (wide || escapes)) {
        status = finish_call(coder, escapes, count, halves, means, lowest, latents);
    } else if (status == DONE) {
        for (size_t n = 0; n < count; n++) latents[n] += base_of(means[n]) - REACH;
    }
    if (status == DONE) status = scale_up(count, kinds, odd, latents);
    free(kinds);
    free(odd);
    free(lowest);
    return status;
}

Status tell_fine(
    int fine_from, size_t components, size_t points, int32_t *halves, int32_t *means, int32_t *states, int32_t *latents,
    uint8_t *told, int32_t *wrong
) {
    int strays = 0;
    for (size_t component = 0, n = 0; component < components; component++) {
        int state = states[component];
        for (size_t last = n + points; n < last; n++) {
            const int kind = law_of(fine_from, &halves[n], &means[n]), spacing = kind == NOT_FINE ? UNIT : SPACING;
            if (latents[n] % spacing) {
                *wrong = latents[n];
                return OFF_GRID;
            }
            const int32_t steps = latents[n] / spacing;
            told[n] = kind == TOLD;
            latents[n] = steps;
            if (kind == NOT_FINE) continue;
            strays |= (steps & 1) != (state & 1);
            latents[n] = steps >> 1;
            if (kind == LED && steps & 1) means[n] -= HALF;
            const int32_t leading = latents[n] - base_of(means[n]);
            const int escape = kind == LED && (leading > REACH || leading < -REACH);
            state = NEXT_STATE[state][escape ? 0 : latents[n] & 1];
        }
        states[component] = state;
    }
    return strays ? WRONG_STATE : DONE;
}
