/* targets.sweep, one bar's returns after the other: the same numbers to the bit, as test_targets.py compares. To that end this is
 * compiled without contractions of its own. */
#include <math.h>
#include <stdint.h>

/* a * b + c as torch's lerp rounds it: once, where the processor can. */
#if defined(__FMA__) || defined(FP_FAST_FMAF)
#define JOINED(a, b, c) fmaf(a, b, c)
#else
#define JOINED(a, b, c) ((a) * (b) + (c))
#endif

/* returned [B, 2] from rewards [B, n, 2], the advantages [B, n, 2] of the bars after them, the actions [B, n, 3] that these lead to,
 * and whether they may be decided on [B, n]. Advantages lie apart[0] numbers from one of B to the next, then [1] and [2]. */
void lambda_returns(const float *rewards, const float *advantages, const long *apart, const int64_t *actions, const uint8_t *decidable,
                    const float *costs, long starts, long bars, float discount, float trace, float *returned) {
    const int near = fabsf(trace) < 0.5f;
    const float share = near ? trace : trace - 1;
    for (long b = 0; b < starts; b++) {
        const float *row = advantages + b * apart[0];
        float later[2] = {row[(bars - 1) * apart[1]], row[(bars - 1) * apart[1] + apart[2]]};
        for (long k = bars - 1; k >= 0; k--) {
            const long at = b * bars + k;
            float values[3] = {0}, taken[3];
            for (int side = 0; side < 2; side++) {
                const float own = row[k * apart[1] + side * apart[2]];
                values[1 + side] = JOINED(share, later[side] - own, near ? own : later[side]);
            }
            for (int held = 0; held < 3; held++) {
                const int64_t action = actions[3 * at + held];
                taken[held] = values[action] - costs[3 * held + action];
            }
            for (int side = 0; side < 2; side++) {
                const float ahead = decidable[at] ? taken[1 + side] - taken[0] : -costs[3 * (1 + side)];
                later[side] = rewards[2 * at + side] + discount * ahead;
            }
        }
        returned[2 * b] = later[0], returned[2 * b + 1] = later[1];
    }
}
