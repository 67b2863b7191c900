/* What targets.py and lessons.py compute, one bar after the other: the same numbers to the bit, as test_targets.py and
 * test_lessons.py compare. To that end this is compiled without contractions of its own. */
#include <math.h>
#include <stdint.h>

/* a * b + c as torch's lerp rounds it: once, where the processor can. */
#if defined(__FMA__) || defined(FP_FAST_FMAF)
#define JOINED(a, b, c) fmaf(a, b, c)
#else
#define JOINED(a, b, c) ((a) * (b) + (c))
#endif

/* targets.sweep: returned [B, 2] from rewards [B, n, 2], the advantages [B, n, 2] of the bars after them, the actions [B, n, 3] that these lead to,
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

#define LARGER(a, b) ((a) > (b) || (a) != (a) ? (a) : (b)) /* not a number where one of them is none, as in torch */
#define SMALLER(a, b) ((a) < (b) || (a) != (a) ? (a) : (b))

/* The trades of an episode: what stands at the step of each entry, all else is left as it is. */
typedef struct {
    uint8_t *entered;
    int64_t *exit;
    double *net, *expected, *favourable, *adverse;
    int64_t *cause;
} trades;

/* lessons.completed_trades of `rows` episodes of `steps` steps each: the position held on each step, flat on the last one, what it
 * gained there, and the errors [rows, steps, 2] of long and short. `fees` are those of both sides; total and surplus [steps] are
 * for the sums before each step. */
void completed_trades(const double *held, const double *gain, const float *errors, const uint8_t *explored, const int64_t *bars,
                      long rows, long steps, double fees, double *total, double *surplus, const trades *to) {
    const long last = steps - 1;
    for (long row = 0; row < rows; row++) {
        const long at = row * steps;
        double gained = 0, beyond = 0;
        for (long t = 0; t < steps; t++) {
            const double position = held[at + t];
            const float *error = errors + 2 * (at + t);
            total[t] = gained, surplus[t] = beyond;
            gained += gain[at + t];
            beyond += position > 0 ? error[0] : position < 0 ? error[1] : 0;
        }
        double best = -INFINITY, worst = INFINITY;
        for (long t = last, leave = last; t >= 0; t--) {
            const double position = held[at + t], before = t ? held[at + t - 1] : 0;
            best = LARGER(total[t], best), worst = SMALLER(total[t], worst);
            if (position == before) continue;
            if (position != 0) {
                const long entry = at + t;
                const double left = total[leave], net = left - total[t] - fees;
                to->entered[entry] = 1;
                to->exit[entry] = bars[at + leave];
                to->net[entry] = net, to->expected[entry] = net - (surplus[leave] - surplus[t]);
                to->favourable[entry] = LARGER(best, left) - total[t], to->adverse[entry] = SMALLER(worst, left) - total[t];
                to->cause[entry] = leave == last ? 2 : explored[at + leave];
            }
            leave = t, best = -INFINITY, worst = INFINITY;
        }
    }
}
