/* What policy.py and fills.py compute over bars, one bar after the other instead of by scans: the same numbers to the bit, as
 * test_passes.py compares. To that end this is compiled without contractions of its own. A position is 0 flat, 1 long, 2 short;
 * a signed one 0, 1, -1. */
#include <math.h>
#include <stdint.h>

/* a * b + c as torch's addcmul rounds it: once, where the processor can. */
#if defined(__FMA__) || defined(FP_FAST_FMA)
#define JOINED(a, b, c) fma(a, b, c)
#else
#define JOINED(a, b, c) ((a) * (b) + (c))
#endif

#define BLOCK 1024 /* bars whose maps fit the first cache */

/* Of a map: by 3 bits for each old position, 3 times the new one, so that a position is the shift to its own successor. */
#define STAY (0 | 3 << 3 | 6 << 6)

/* The best new position from each old one; of equal values the first wins: the position held, flat, long, short. */
static inline void best_of(float long_one, float short_one, const float *costs, int32_t *best) {
    for (int held = 0; held < 3; held++) {
        const float flat = -costs[3 * held], up = long_one - costs[3 * held + 1], down = short_one - costs[3 * held + 2];
        const int entered = held == 1 ? up >= flat : up > flat;
        const int sold = held == 2 ? (down >= up) & (down >= flat) : (down > up) & (down > flat);
        best[held] = sold ? 2 : entered;
    }
}

/* best [rows, 3] of the advantages [rows, 2] and the costs [from, to]. */
void best_actions(const float *advantage, long rows, long row, long side, const float *costs, int64_t *best) {
    for (long i = 0; i < rows; i++) {
        int32_t found[3];
        best_of(advantage[i * row], advantage[i * row + side], costs, found);
        for (int held = 0; held < 3; held++) best[3 * i + held] = found[held];
    }
}

static void maps_of(const float *advantage, long bar, long side, const float *costs, long bars, int32_t *maps) {
    for (long t = 0; t < bars; t++) {
        int32_t best[3];
        best_of(advantage[t * bar], advantage[t * bar + side], costs, best);
        maps[t] = 3 * best[0] + (3 * best[1] << 3) + (3 * best[2] << 6);
    }
}

/* held [rows, bars], -1, 0 or 1, of the policy that has the advantages [rows, bars, 2], from the position `start`; `absent` may be
 * null. */
void positions(const float *advantage, const uint8_t *decidable, const uint8_t *absent, long rows, long bars, const long *apart,
               const float *costs, long start, double *held) {
    static const double side_of[8] = {[3] = 1, [6] = -1};
    const long row = apart[0], bar = apart[1], side = apart[2];
    int32_t maps[BLOCK];
    for (long r = 0; r < rows; r++) {
        const float *values = advantage + r * row;
        const uint8_t *decides = decidable + r * apart[3], *misses = absent ? absent + r * apart[5] : 0;
        int shift = 3 * start;
        for (long from = 0; from < bars; from += BLOCK) {
            const long count = bars - from < BLOCK ? bars - from : BLOCK;
            if (bar == 2 && side == 1) maps_of(values + 2 * from, 2, 1, costs, count, maps);
            else maps_of(values + from * bar, bar, side, costs, count, maps);
            for (long t = 0; misses && t < count; t++)
                if (misses[(from + t) * apart[6]]) maps[t] = STAY;
            for (long t = 0; t < count; t++) maps[t] &= -(int32_t)(decides[(from + t) * apart[4]] != 0);
            for (long t = 0; t < count; t++) {
                shift = maps[t] >> shift & 7;
                held[r * bars + from + t] = side_of[shift];
            }
        }
    }
}

/* after [rows, bars]: the positions that the maps, numbers as policy.py has them, lead to from start [rows]; valid: whether they
 * are maps, and those positions. */
void follow_maps(const int64_t *maps, long rows, long bars, const int64_t *start, int64_t *after, int *valid) {
    uint8_t next[27 * 3];
    for (int map = 0; map < 27; map++) next[3 * map] = map % 3, next[3 * map + 1] = map / 3 % 3, next[3 * map + 2] = map / 9;
    for (long i = 0; i < rows * bars; i++) *valid &= (uint64_t)maps[i] < 27;
    for (long r = 0; r < rows; r++) *valid &= (uint64_t)start[r] < 3;
    for (long r = 0; *valid && r < rows; r++) {
        int64_t held = start[r];
        for (long t = 0; t < bars; t++) after[r * bars + t] = held = next[3 * maps[r * bars + t] + held];
    }
}

typedef struct {
    double side, capital, ruin, nothing;
} terms;

/* What is known of a bar when the next one comes. */
typedef struct {
    double held, worth, left;
} standing;

/* The factor of the equity on a bar, from the bar before to it. */
static inline double factor_of(standing before, standing now, double fee) {
    const double entered = before.left * (1 - fee), changed = now.held != before.held;
    const double traded = (changed ? entered : 1) + 0.0 * (entered - 1); /* lerp: what is not finite shows */
    return now.worth * traded / before.worth;
}

/* fills.account of signed positions [rows, bars]: factor, whose logarithm is the growth, held and left [rows, bars], and the number of
 * positions closed by ruin. `charges` [bars, 2] may be null. */
void account(const double *positions, const double *returns, const uint8_t *decidable, const double *charges, long rows, long bars,
             const terms *by, double *factor, double *held, double *left, int64_t *ruined) {
    for (long at = 0; at < rows * bars; at += bars) {
        double end = 1, begun = 1, until = 0, paid_before = 0, known = NAN, first_fee = 0;
        int low_since = 0, waited = 0, gone_since = 0; /* since the entry, on the bars before; waited: a bar longer ago */
        standing before = {0}, first = {0};
        for (long t = 0; t < bars; t++) {
            const double move = 1 + returns[t], wanted = positions[at + t] * decidable[t];
            end *= move;
            double paid = 0;
            if (charges) {
                paid = end / move * (wanted > 0 ? charges[2 * t] : wanted < 0 ? charges[2 * t + 1] : 0);
                until += paid;
            }
            if (wanted != known || t == 0) {
                begun = end / move, paid_before = until - paid;
                low_since = waited = gone_since = 0;
            }
            known = wanted;
            const double price = end / begun;
            const double stake = wanted * by->capital;
            double worth = JOINED(stake, price - 1, 1.0);
            if (charges) worth -= by->capital * (until - paid_before) / begun;
            const int closed = waited | gone_since, low = worth <= by->ruin;
            *ruined += low & !low_since;
            waited = low_since, low_since |= low, gone_since |= worth <= by->nothing;
            standing now = {closed ? 0 : wanted, closed ? 1 : worth, 0};
            const double fee = fabs(closed ? 0 : stake) * by->side, after = JOINED(-fee, price, now.worth);
            now.left = after < by->nothing ? by->nothing : after;
            now.worth = now.worth < by->nothing ? by->nothing : now.worth;
            held[at + t] = now.held, left[at + t] = now.left;
            if (t) factor[at + t] = factor_of(before, now, fee);
            else first = now, first_fee = fee;
            before = now;
        }
        if (bars) factor[at] = factor_of(before, first, first_fee); /* as after the last bar, which is flat */
    }
}
