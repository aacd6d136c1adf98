/* Latents, pass by pass and group by group: see latents.h. */
#include "latents.h"

#include <stdlib.h>
#include <string.h>

#include "surroundings.h"

enum { SMALLEST_SIDE = 6 };

typedef struct {
    /* Reads latents; NULL where they are known, and their laws are told. */
    Coder *coder;
    const Laws *laws;
    LatentCalls *told;
    Surroundings known;
    /* Scratch for a call: the laws and the integers of a group; halves are scales in the end. */
    int32_t *halves, *means, *values;
    uint8_t *told_first;
    /* Of every component, and of those of a call. */
    int32_t states[MOST_COMPONENTS], group_states[MOST_COMPONENTS];
} Walk;

Pyramid pyramid_of(size_t height, size_t width) {
    size_t heights[MOST_LEVELS + 1] = {height}, widths[MOST_LEVELS + 1] = {width};
    Pyramid found = {.height = height, .width = width, .count = 1};
    for (size_t side = height < width ? height : width; found.levels < MOST_LEVELS && (side + 1) / 2 >= SMALLEST_SIDE;) {
        side = (side + 1) / 2;
        heights[found.levels + 1] = (heights[found.levels] + 1) / 2;
        widths[found.levels + 1] = (widths[found.levels] + 1) / 2;
        found.levels++;
    }
    found.subbands[0] = (Subband){found.levels, APPROXIMATION, heights[found.levels], widths[found.levels]};
    for (int level = found.levels - 1; level >= 0; level--) {
        const size_t h = heights[level], w = widths[level];
        found.subbands[found.count++] = (Subband){level, 0, (h + 1) / 2, w / 2};
        found.subbands[found.count++] = (Subband){level, 1, h / 2, (w + 1) / 2};
        found.subbands[found.count++] = (Subband){level, 2, h / 2, w / 2};
    }
    return found;
}

size_t bordered_size(const Pyramid *pyramid, size_t components) {
    size_t total = 0;
    for (int index = 0; index < pyramid->count; index++)
        total += components * (pyramid->subbands[index].height + 2) * (pyramid->subbands[index].width + 2);
    return total;
}

/* Put the latents of a component where they belong, and add their magnitudes to those of the group. */
static void keep(const Surroundings *known, const Place *place, size_t component, const int32_t *values) {
    const Subband *own = &known->pyramid->subbands[place->subband];
    const size_t stride = own->width + 2;
    const int32_t largest = (LOGARITHMS << known->side->unit_bits) - 1;
    int32_t *plane = known->latents[place->subband] + component * (own->height + 2) * stride;
    for (size_t row = 0; row < place->rows; row++) {
        const size_t down = 1 + FIRST_ROW[place->number] + 2 * row;
        int32_t *target = plane + down * stride + 1 + FIRST_COLUMN[place->number];
        uint8_t *magnitudes = row_of(known, place->subband, component, place, row);
        uint32_t *last = known->last + row * place->columns;
        for (size_t n = 0; n < place->columns; n++) {
            const int32_t value = values[row * place->columns + n], size = value < 0 ? -value : value;
            const uint8_t magnitude = known->side->logarithms[size < largest ? size : largest];
            target[2 * n] = value;
            magnitudes[2 * n] = magnitude;
            last[n] += magnitude;
        }
    }
}

/* Copy the latents of a component that are known. */
static void look_up(const Surroundings *known, const Place *place, size_t component, int32_t *values) {
    const Subband *own = &known->pyramid->subbands[place->subband];
    const size_t stride = own->width + 2;
    const int32_t *plane = known->latents[place->subband] + component * (own->height + 2) * stride;
    for (size_t row = 0; row < place->rows; row++) {
        const int32_t *from = plane + (1 + FIRST_ROW[place->number] + 2 * row) * stride + 1 + FIRST_COLUMN[place->number];
        for (size_t n = 0; n < place->columns; n++) values[row * place->columns + n] = from[2 * n];
    }
}

/* Tell of a call; the latents of its components are in walk->values. */
static Status tell(Walk *walk, size_t count) {
    LatentCalls *told = walk->told;
    if (count == 0) return DONE;
    if (count > told->room - told->count || told->calls == told->room_of_calls) return NO_ROOM;
    memcpy(told->values + told->count, walk->values, count * sizeof(int32_t));
    memcpy(told->scales + told->count, walk->halves, count * sizeof(int32_t));
    memcpy(told->means + told->count, walk->means, count * sizeof(int32_t));
    memcpy(told->told + told->count, walk->told_first, count);
    told->sizes[told->calls++] = (int64_t)count;
    told->count += count;
    return DONE;
}

/* Turn half indices of a call into the indices that its laws have where there are no fine latents. */
static void halve(Walk *walk, size_t count) {
    for (size_t n = 0; n < count; n++) walk->halves[n] >>= 1;
    if (walk->told) memset(walk->told_first, 0, count);
}

/* Read or tell a call of components of a group. */
static Status call(Walk *walk, size_t components, size_t points) {
    const int fine_from = walk->known.side->fine_from;
    const size_t count = components * points;
    if (fine_from == LAW_SCALES) {
        halve(walk, count);
        return walk->told ? tell(walk, count)
                          : take(walk->coder, walk->laws, count, walk->halves, walk->means, walk->values);
    }
    if (!walk->told)
        return take_fine(walk->coder, walk->laws, fine_from, components, points, walk->halves, walk->means,
                         walk->group_states, walk->values);
    const Status status = tell_fine(fine_from, components, points, walk->halves, walk->means, walk->group_states,
                                    walk->values, walk->told_first, &walk->told->wrong);
    return status == DONE ? tell(walk, count) : status;
}

static Status walk_pass(Walk *walk, const Place *place) {
    const Surroundings *known = &walk->known;
    const LatentLaws *side = known->side;
    const Subband *own = &known->pyramid->subbands[place->subband];
    const int32_t *active = side->scales + scale_row(place->subband) * side->components;
    const size_t points = place->rows * place->columns;
    float bias[NETWORK_HIDDEN];
    for (int unit = 0; unit < NETWORK_HIDDEN; unit++)
        bias[unit] = side->of_pass[place->number * NETWORK_HIDDEN + unit] +
                     side->of_orientation[own->orientation * NETWORK_HIDDEN + unit] +
                     side->of_level[own->level * NETWORK_HIDDEN + unit];
    ContextNetwork network = side->network;
    network.first_bias = bias;
    for (size_t component = 0; component < known->rank; component++)
        look_around(known, place, component, known->around + component * points);
    memset(known->before, 0, points * sizeof(uint32_t));
    memset(known->last, 0, points * sizeof(uint32_t));
    int last_bits = 0;
    for (size_t start = 0, stop = 1; start < known->rank; start = stop, stop = 2 * stop) {
        if (stop > known->rank) stop = known->rank;
        size_t chosen = 0;
        for (size_t component = start; component < stop; component++) {
            if (active[component] <= 0) continue;
            laws_of(known, &network, place, component, last_bits, walk->halves + chosen * points,
                    walk->means + chosen * points);
            if (walk->told) look_up(known, place, component, walk->values + chosen * points);
            walk->group_states[chosen++] = walk->states[component];
        }
        const Status status = call(walk, chosen, points);
        if (status != DONE) return status;
        memset(known->last, 0, points * sizeof(uint32_t));
        chosen = 0;
        for (size_t component = start; component < stop; component++) {
            if (active[component] <= 0) continue;
            /* Told latents stand where they belong, and values hold what they are coded as. */
            if (walk->told) look_up(known, place, component, walk->values + chosen * points);
            walk->states[component] = walk->group_states[chosen];
            keep(known, place, component, walk->values + chosen++ * points);
        }
        for (size_t n = 0; n < points; n++) known->before[n] += known->last[n];
        for (last_bits = 0; (size_t)1 << last_bits < stop - start;) last_bits++;
    }
    return DONE;
}

static Status walk_passes(Walk *walk) {
    for (int subband = 0; subband < walk->known.pyramid->count; subband++) {
        const Subband *own = &walk->known.pyramid->subbands[subband];
        const int32_t *active = walk->known.side->scales + scale_row(subband) * walk->known.side->components;
        int any = 0;
        for (size_t component = 0; component < walk->known.rank; component++) any |= active[component] > 0;
        for (int number = 0; any && number < PASSES; number++) {
            if (own->height <= FIRST_ROW[number] || own->width <= FIRST_COLUMN[number]) continue;
            const Place place = {subband, number, (own->height - FIRST_ROW[number] + 1) / 2,
                                 (own->width - FIRST_COLUMN[number] + 1) / 2};
            const Status status = walk_pass(walk, &place);
            if (status != DONE) return status;
        }
    }
    return DONE;
}

static Status walk_latents(Walk walk, int32_t *latents) {
    const LatentLaws *side = walk.known.side;
    const Pyramid *pyramid = walk.known.pyramid;
    for (size_t n = 0; n < (size_t)(pyramid->levels + 1) * side->components; n++)
        if (side->scales[n] > 0 && n % side->components >= walk.known.rank) walk.known.rank = n % side->components + 1;
    if (walk.known.rank == 0) return DONE;
    size_t points = 0, columns = 0, starts[MOST_SUBBANDS], total = 0;
    for (int index = 0; index < pyramid->count; index++) {
        const Subband *subband = &pyramid->subbands[index];
        const size_t rows = (subband->height + 1) / 2, wide = (subband->width + 1) / 2;
        if (rows * wide > points) points = rows * wide;
        if (wide > columns) columns = wide;
        walk.known.latents[index] = latents;
        latents += side->components * (subband->height + 2) * (subband->width + 2);
        walk.known.magnitudes[index].stride = subband->width + 3;
        walk.known.magnitudes[index].plane = (subband->height + 3) * (subband->width + 3);
        starts[index] = total;
        total += walk.known.rank * walk.known.magnitudes[index].plane;
    }
    /* The largest group is half of all components and one more at most, or one. */
    const size_t group = (walk.known.rank + 1) / 2 * points;
    uint8_t *magnitudes = calloc(total, 1);
    walk.known.around = malloc(walk.known.rank * points);
    walk.known.before = malloc(points * sizeof(uint32_t));
    walk.known.last = malloc(points * sizeof(uint32_t));
    walk.halves = malloc(group * sizeof(int32_t));
    walk.told_first = malloc(group);
    walk.means = malloc(group * sizeof(int32_t));
    walk.values = malloc(group * sizeof(int32_t));
    walk.known.features = malloc(NETWORK_FEATURES * columns * sizeof(float));
    walk.known.offsets = malloc(columns * sizeof(float));
    Status status = NO_MEMORY;
    if (magnitudes && walk.known.around && walk.known.before && walk.known.last && walk.halves && walk.means && walk.values &&
        walk.told_first && walk.known.features && walk.known.offsets) {
        for (int index = 0; index < pyramid->count; index++) walk.known.magnitudes[index].values = magnitudes + starts[index];
        status = walk_passes(&walk);
    }
    free(magnitudes);
    free(walk.known.around);
    free(walk.known.before);
    free(walk.known.last);
    free(walk.halves);
    free(walk.told_first);
    free(walk.means);
    free(walk.values);
    free(walk.known.features);
    free(walk.known.offsets);
    return status;
}

Status read_latents(
    Coder *coder, const Laws *laws, const LatentLaws *side, const Pyramid *pyramid, int32_t *latents
) {
    return walk_latents((Walk){.coder = coder, .laws = laws, .known = {.side = side, .pyramid = pyramid}}, latents);
}

Status tell_latents(const LatentLaws *side, const Pyramid *pyramid, int32_t *latents, LatentCalls *told) {
    return walk_latents((Walk){.told = told, .known = {.side = side, .pyramid = pyramid}}, latents);
}
