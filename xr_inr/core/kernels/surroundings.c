/* The features of latents, row by row of a pass, and the means of their laws: see surroundings.h. */
#include "surroundings.h"

#include <string.h>

enum { LARGEST_NEIGHBOUR = 255, MEAN_BITS = 3 };
/* Neighbours that a pass knows, as the power of two that they are. */
static const int KNOWN_BITS[PASSES] = {0, 2, 2, 3};

static inline int32_t limited(int32_t sum, int32_t largest) { return sum < -largest ? -largest : sum > largest ? largest : sum; }

void look_around(const Surroundings *known, const Place *place, size_t component, uint8_t *found) {
    const ptrdiff_t stride = (ptrdiff_t)known->magnitudes[place->subband].stride;
    const int straight = place->number >= 2, diagonal = place->number != 2, bits = KNOWN_BITS[place->number];
    if (place->number == 0) {
        memset(found, 0, place->rows * place->columns);
        return;
    }
    for (size_t row = 0; row < place->rows; row++) {
        const uint8_t *here = row_of(known, place->subband, component, place, row);
        const uint8_t *above = here - stride, *below = here + stride;
        for (size_t n = 0; n < place->columns; n++, here += 2, above += 2, below += 2) {
            unsigned sum = 0;
            if (straight) sum += here[-1] + here[1] + above[0] + below[0];
            if (diagonal) sum += above[-1] + above[1] + below[-1] + below[1];
            found[row * place->columns + n] = (uint8_t)(sum >> bits);
        }
    }
}

static void fill(float *row, size_t count, int32_t value) {
    for (size_t n = 0; n < count; n++) row[n] = (float)value;
}

/* Features 0, 1 and 2: neighbours across, down and along both diagonals. */
static void of_neighbours(const Surroundings *known, const Place *place, size_t component, size_t row, float *features) {
    const size_t count = place->columns;
    const ptrdiff_t stride = (ptrdiff_t)known->magnitudes[place->subband].stride;
    const uint8_t *here = row_of(known, place->subband, component, place, row);
    const uint8_t *above = here - stride, *below = here + stride;
    const int straight = place->number >= 2, diagonal = place->number == 1 || place->number == 3;
    for (size_t n = 0; straight && n < count; n++) {
        features[n] = (float)((here[2 * n - 1] + here[2 * n + 1]) >> 1);
        features[count + n] = (float)((above[2 * n] + below[2 * n]) >> 1);
    }
    for (size_t n = 0; diagonal && n < count; n++)
        features[2 * count + n] =
            (float)((above[2 * n - 1] + above[2 * n + 1] + below[2 * n - 1] + below[2 * n + 1]) >> 2);
    if (!straight) fill(features, 2 * count, 0);
    if (!diagonal) fill(features + 2 * count, count, 0);
}

/* Features 3 and 4: the parent and the eight around it, which for the coarsest details lie in the approximation. */
static void of_parent(const Surroundings *known, const Place *place, size_t component, size_t row, float *features) {
    const size_t count = place->columns;
    const Subband *own = &known->pyramid->subbands[place->subband];
    if (own->orientation == APPROXIMATION) {
        fill(features, 2 * count, 0);
        return;
    }
    const int coarsest = own->level == known->pyramid->levels - 1;
    const Magnitudes *there = &known->magnitudes[coarsest ? 0 : place->subband - 3];
    const ptrdiff_t stride = (ptrdiff_t)there->stride;
    const size_t step = coarsest ? 2 : 1;
    const uint8_t *here = coarsest ? row_of(known, 0, component, place, row)
                                   : there->values + component * there->plane + (1 + row) * there->stride + 1;
    for (size_t n = 0; n < count; n++) {
        const uint8_t *parent = here + step * n, *above = parent - stride, *below = parent + stride;
        const int sum = above[-1] + above[0] + above[1] + parent[-1] + parent[1] + below[-1] + below[0] + below[1];
        features[n] = (float)parent[0];
        features[count + n] = (float)(sum >> 3);
    }
}

/* Features 5 and 6: the surroundings in the components before and after. */
static void of_components(const Surroundings *known, const Place *place, size_t component, size_t row, float *features) {
    const size_t count = place->columns, points = place->rows * count;
    const uint8_t *own = known->around + component * points + row * count;
    for (int side = 0; side < 2; side++, features += count) {
        if (side == 0 ? component == 0 : component + 1 == known->rank) {
            fill(features, count, 0);
            continue;
        }
        const uint8_t *other = side == 0 ? own - points : own + points;
        for (size_t n = 0; n < count; n++) features[n] = (float)other[n];
    }
}

/* Feature 7: other orientations of the same level. */
static void of_siblings(const Surroundings *known, const Place *place, size_t component, size_t row, float *features) {
    const size_t count = place->columns;
    const int orientation = known->pyramid->subbands[place->subband].orientation;
    if (orientation == 0 || orientation == APPROXIMATION) {
        fill(features, count, 0);
        return;
    }
    const uint8_t *one = row_of(known, place->subband - 1, component, place, row);
    const uint8_t *other = row_of(known, place->subband - orientation, component, place, row);
    for (size_t n = 0; n < count; n++) features[n] = (float)((one[2 * n] + other[2 * n]) >> 1);
}

/* Features 11 and 12: the groups before. Every group but the last has a power of two of components. */
static void of_groups(const Surroundings *known, const Place *place, int last_bits, size_t row, float *features) {
    const size_t count = place->columns;
    const int unit_bits = known->side->unit_bits;
    for (size_t n = 0; n < count; n++) {
        const uint32_t before = known->before[row * count + n] / 16;
        features[n] = (float)known->side->logarithms[(before < LOGARITHMS ? before : LOGARITHMS - 1) << unit_bits];
        features[count + n] = (float)(known->last[row * count + n] >> last_bits);
    }
}

/* The means of the laws at a row of positions, in eighths. */
static void means_of(const Surroundings *known, const Place *place, size_t component, size_t row, int32_t *means) {
    const Subband *own = &known->pyramid->subbands[place->subband];
    if (own->orientation == APPROXIMATION || place->number == 0) {
        memset(means, 0, place->columns * sizeof(int32_t));
        return;
    }
    const ptrdiff_t stride = (ptrdiff_t)own->width + 2;
    const size_t down = 1 + FIRST_ROW[place->number] + 2 * row, across = 1 + FIRST_COLUMN[place->number];
    const int32_t *here = known->latents[place->subband] + component * (own->height + 2) * (own->width + 2);
    here += down * (own->width + 2) + across;
    const int32_t *weights =
        known->side->mean_weights + (3 * (own->level < 2 ? own->level : 2) + own->orientation) * MEAN_WEIGHTS;
    const int32_t *above = here - stride, *below = here + stride;
    const int unit_bits = known->side->unit_bits;
    const int32_t largest = LARGEST_NEIGHBOUR << unit_bits, half = 4 << unit_bits;
    for (size_t n = 0; n < place->columns; n++, here += 2, above += 2, below += 2) {
        const int32_t straight = limited(here[-1] + here[1], largest), upright = limited(above[0] + below[0], largest);
        const int32_t diagonal = limited(above[-1] + above[1] + below[-1] + below[1], largest);
        int32_t total = 0;
        if (place->number == 1) total = weights[0] * diagonal;
        if (place->number == 2) total = weights[1] * straight + weights[2] * upright;
        if (place->number == 3) total = weights[3] * straight + weights[4] * upright + weights[5] * diagonal;
        means[n] = (total + half) >> (MEAN_BITS + unit_bits);
    }
}

/* Laws about 0 and the narrowest, at a row of positions whose pixels repeat others: core/latent/silent.py. */
static void silence(const Surroundings *known, const Place *place, size_t row, int32_t *halves, int32_t *means) {
    const Subband *own = &known->pyramid->subbands[place->subband];
    if (!known->side->repeated || own->level != 0 || own->orientation == APPROXIMATION) return;
    const size_t width = known->pyramid->width, odd_row = own->orientation != 0, odd_column = own->orientation != 1;
    const size_t down = 2 * (FIRST_ROW[place->number] + 2 * row) + odd_row;
    const uint8_t *pixel = known->side->repeated + down * width + 2 * FIRST_COLUMN[place->number] + odd_column;
    for (size_t n = 0; n < place->columns; n++)
        if (pixel[4 * n]) halves[n] = means[n] = 0;
}

void laws_of(
    const Surroundings *known, const ContextNetwork *network, const Place *place, size_t component, int last_bits,
    int32_t *halves, int32_t *means
) {
    const LatentLaws *side = known->side;
    const size_t count = place->columns;
    const int row_of_scales = scale_row(place->subband), coarser = row_of_scales > 0 ? row_of_scales - 1 : 0;
    float *features = known->features;
    fill(features + 8 * count, count, 2 * side->scales[row_of_scales * side->components + component]);
    fill(features + 9 * count, count, 2 * side->scales[coarser * side->components + component]);
    fill(features + 10 * count, count, side->logarithms[component << side->unit_bits]);
    for (size_t n = 0; n < count; n++) known->offsets[n] = side->offsets[component];
    for (size_t row = 0; row < place->rows; row++) {
        of_neighbours(known, place, component, row, features);
        of_parent(known, place, component, row, features + 3 * count);
        of_components(known, place, component, row, features + 5 * count);
        of_siblings(known, place, component, row, features + 7 * count);
        of_groups(known, place, last_bits, row, features + 11 * count);
        half_indices(network, count, features, (ptrdiff_t)count, known->offsets, halves + row * count);
        means_of(known, place, component, row, means + row * count);
        silence(known, place, row, halves + row * count, means + row * count);
    }
}
