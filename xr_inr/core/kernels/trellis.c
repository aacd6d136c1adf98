/* The cheapest way through each chain, kept for every state: see trellis.h. */
#include "trellis.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "exact.h"

enum { UNIT = 16, SPACING = 9, STATES = TRELLIS_STATES, LARGEST_LATENT = (1 << 17) - 1 };
enum { REACH = 12, TABLED_SCALES = 16, PER_OCTAVE = 3, FRACTIONS = 8, HALF = 4 };
/* Numbers of fine latents about a target. */
enum { FIRST = -2, CANDIDATES = 6 };

/* The law of a whole number k: its leading bits, (k + centre) >> shift, are a column of the row or escape. */
typedef struct {
    const double *row;
    int64_t centre;
    int shift;
} Law;

/* The cheapest candidate so far. */
typedef struct {
    double cost;
    int32_t latent;
} Cheapest;

/* What the cheapest way to each state of a latent came through. */
typedef struct {
    /* By q and bit, what the latent is; all in the first where it is not fine. */
    int32_t latents[2][2];
    /* A bit for each state: whether the second of the two ways into it is the cheaper one. */
    unsigned seconds;
} Trace;

static Law law_of(const Prices *prices, int32_t scale, int64_t mean) {
    const int above = scale - (TABLED_SCALES - 1), shift = above > 0 ? (above + PER_OCTAVE - 1) / PER_OCTAVE : 0;
    const int64_t base = (mean + HALF) >> 3, fraction = shift ? HALF : mean + HALF - base * FRACTIONS;
    return (Law){prices->bits + ((scale - PER_OCTAVE * shift) * FRACTIONS + fraction) * LAW_COLUMNS,
                 ((int64_t)1 << shift >> 1) - base, shift};
}

/* What a latent costs that is coded as a number; sets whether that is an escape. */
static inline double cost_of(
    const Chains *chains, const Prices *prices, size_t at, Law law, int32_t number, int32_t latent, int *escapes
) {
    const int64_t leading = (number + law.centre) >> law.shift, excess = (leading < 0 ? -leading : leading) - REACH;
    int64_t column = leading + REACH;
    int more = law.shift;
    *escapes = excess > 0;
    if (excess > 0) {
        column = leading > 0 ? 2 * REACH + 1 : 2 * REACH + 2;
        more -= 3;
        for (int64_t rest = excess + 3; rest; rest >>= 1) more += 2;
    }
    const int32_t size = latent < 0 ? -latent : latent;
    const double magnitude = prices->magnitudes[size < TRELLIS_MAGNITUDES ? size : TRELLIS_MAGNITUDES - 1];
    const double miss = (double)latent / UNIT - chains->targets[at], bits = law.row[column] + (double)more;
    return chains->norms[at] * (miss * miss) + prices->weight * (bits + chains->slopes[at] * magnitude);
}

/* Not a number becomes the limit below, too. */
static inline double limited(double value, double limit) {
    return !(value > -limit) ? -limit : value < limit ? value : limit;
}

/* Weigh what a latent is, what is nearest, one nearer to zero, and zero. */
static Cheapest weigh_plain(const Chains *chains, const Prices *prices, size_t at) {
    const Law law = law_of(prices, chains->halves[at] >> 1, chains->means[at]);
    const int32_t now = chains->now[at], nearest = (int32_t)limited(rint(chains->targets[at]), LARGEST_LATENT);
    const int32_t candidates[] = {(int32_t)limited(now >> 4, LARGEST_LATENT), nearest,
                                  nearest - (nearest > 0) + (nearest < 0), 0};
    Cheapest best = {INFINITY, 0};
    int escapes;
    const int first = now % UNIT != 0;
    for (int n = first; n < 4; n++) {
        if (n > first && candidates[n] == candidates[n - 1]) continue;
        const int32_t latent = UNIT * candidates[n];
        const double cost = cost_of(chains, prices, at, law, candidates[n], latent, &escapes);
        if (cost < best.cost) best = (Cheapest){cost, latent};
    }
    return best;
}

/* Weigh six candidates of each grid: the cheapest by q and bit, infinity where there is none. */
static void weigh_fine(const Chains *chains, const Prices *prices, size_t at, Cheapest best[2][2]) {
    enum { LARGEST = UNIT * LARGEST_LATENT / SPACING };
    const int32_t scale = (chains->halves[at] - 1) >> 1;
    const int64_t eighths = 8 * (int64_t)chains->means[at] + 4;
    const int64_t mean = (eighths - (eighths < 0 ? SPACING - 1 : 0)) / SPACING;
    const double target = chains->targets[at] * UNIT / SPACING;
    for (int q = 0; q < 2; q++) {
        const int tabled = scale < TABLED_SCALES;
        const Law law = law_of(prices, scale, tabled ? mean - HALF * q : mean);
        /* Far beyond what is coded it makes no difference how far. */
        const int32_t below = (int32_t)floor(limited((target - q) / 2, 2 * LARGEST));
        const int32_t least = -((LARGEST + q) / 2), most = (LARGEST - q) / 2;
        best[q][0] = best[q][1] = (Cheapest){INFINITY, 0};
        for (int n = 0; n < CANDIDATES; n++) {
            const int32_t wanted = below + FIRST + n, number = wanted < least ? least : wanted > most ? most : wanted;
            const int32_t latent = SPACING * (2 * number + q);
            int escapes;
            const double cost = cost_of(chains, prices, at, law, number, latent, &escapes);
            Cheapest *own = &best[q][tabled && escapes ? 0 : number & 1];
            if (cost < own->cost) *own = (Cheapest){cost, latent};
        }
    }
}

/* The first way into a state comes from one of the lower four, the second from that plus 4, with the other bit. */
static inline int first_before(int state) { return state >> 2 | ((state ^ state >> 2) & 1) << 1; }
static inline int first_bit(int state) { return state >> 1 & 1; }

/* Go on with the costs of all states; return the states that are cheaper to come to by their second way. */
static unsigned onward(double costs[STATES], Cheapest best[2][2]) {
    double before[STATES];
    unsigned seconds = 0;
    memcpy(before, costs, sizeof(before));
    for (int state = 0; state < STATES; state++) {
        const int from = first_before(state), bit = first_bit(state);
        const double first = before[from] + best[from & 1][bit].cost;
        const double second = before[from + 4] + best[from & 1][1 - bit].cost;
        seconds |= (unsigned)(second < first) << state;
        costs[state] = second < first ? second : first;
    }
    return seconds;
}

static inline int is_fine(const Chains *chains, const Prices *prices, size_t at) {
    return chains->halves[at] >> 1 >= prices->fine_from;
}

/* One chain, whose first latent is number start of all. */
static void search_chain(
    const Chains *chains, const Prices *prices, size_t start, Trace *traces, int32_t *last, int32_t *latents
) {
    double costs[STATES];
    for (int state = 0; state < STATES; state++) costs[state] = state == *last ? 0.0 : INFINITY;
    for (size_t point = 0; point < chains->points; point++) {
        Trace *trace = &traces[point];
        if (is_fine(chains, prices, start + point)) {
            Cheapest best[2][2];
            weigh_fine(chains, prices, start + point, best);
            trace->seconds = onward(costs, best);
            for (int n = 0; n < 4; n++) trace->latents[n >> 1][n & 1] = best[n >> 1][n & 1].latent;
        } else {
            const Cheapest best = weigh_plain(chains, prices, start + point);
            for (int state = 0; state < STATES; state++) costs[state] += best.cost;
            trace->latents[0][0] = best.latent;
        }
    }
    int state = 0;
    for (int other = 1; other < STATES; other++)
        if (costs[other] < costs[state]) state = other;
    *last = state;
    for (size_t point = chains->points; point-- > 0;) {
        const Trace *trace = &traces[point];
        if (is_fine(chains, prices, start + point)) {
            const int second = trace->seconds >> state & 1;
            const int before = first_before(state) + 4 * second;
            latents[start + point] = trace->latents[before & 1][first_bit(state) ^ second];
            state = before;
        } else {
            latents[start + point] = trace->latents[0][0];
        }
    }
}

Status search_trellis(const Chains *chains, const Prices *prices, int32_t *states, int32_t *latents) {
    if (!chains->points) return DONE;
    Trace *traces = malloc(chains->points * sizeof(Trace));
    if (!traces) return NO_MEMORY;
    for (size_t chain = 0; chain < chains->count; chain++)
        search_chain(chains, prices, chain * chains->points, traces, &states[chain], latents);
    free(traces);
    return DONE;
}
