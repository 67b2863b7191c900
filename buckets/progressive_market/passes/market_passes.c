/* What policy.py computes over bars, one bar after the other instead of by a scan: the same numbers to the bit, as
 * test_passes.py compares. A position is 0 flat, 1 long, 2 short. Rows lie `_row` numbers apart, bars `_bar`. */
#include <stdint.h>

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
