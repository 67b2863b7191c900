"""Regimes by a hidden Markov model of log returns, normal in each state, filtered: what is known at a bar, and never a smoothed path.

The probabilities of a bar are those of the model on the last `WINDOW` bars up to it, which begins with the shares of time that the
states have in the long run, and anew behind a gap. A window of so many bars therefore gives the same as all bars before.

Of the libraries, hmmlearn is in maintenance alone, needs scikit-learn and has no filter; hence these lines. The model: Rabiner,
A tutorial on hidden Markov models (1989), equations 19 to 54.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from progressive_market.bars import Bars
    from progressive_market.bars.bar_records import Floats

WINDOW = 512
"""Bars that the filter looks back; a power of two."""
history = WINDOW + 1
"""With one before them, for the first return."""
AT_ONCE = 16_384
"""Bars that are filtered at a time, so that intermediate results stay in a processor's cache."""
LEAST = 1e-12
"""Deviation of a state."""
UNLIKELY = -700.0
"""Least log likelihood of a state beside the likeliest one at a bar: its exponential is still above 0."""


def fit(bars: Bars, count: int) -> dict[str, Any]:
    """`mean` and `deviation` of a bar's log return in each state, by rising deviation; `transition` [from, to], the probabilities from
    one bar to the next; `start`, the shares of time that the states have in the long run."""
    from progressive_market.features.averages import segment_starts
    from progressive_market.features.feature_table import log_returns, volatility
    from progressive_market.regimes.fitted_hmm import fitted_hmm

    known = np.ones(len(bars), dtype=bool)
    known[segment_starts(bars.segment)] = False
    return fitted_hmm(log_returns(bars)[known], volatility(bars)[known].astype(np.float64), count)


def probabilities(bars: Bars, parameters: Mapping[str, Any]) -> Floats:
    """Probability of each state, filtered over the last `WINDOW` bars [T, count]."""
    from progressive_market.features.averages import segment_starts
    from progressive_market.features.feature_table import log_returns

    mean, deviation, transition, start = (
        np.asarray(parameters[name], dtype=np.float64) for name in ("mean", "deviation", "transition", "start")
    )
    count = len(mean)
    shapes = (mean.shape, deviation.shape, transition.shape, start.shape)
    if shapes != ((count,), (count,), (count, count), (count,)) or not np.isfinite(mean).all():
        raise ValueError("mean, deviation, transition and start are not of as many states, or no numbers")
    if not (deviation >= LEAST).all() or not all(_shares(rows) for rows in (transition, start)):
        raise ValueError("a deviation is no deviation, or transition and start are no probabilities above 0")
    likelihood, _ = likelihoods(log_returns(bars), mean, deviation)
    begins = np.zeros(len(bars), dtype=bool)
    begins[segment_starts(bars.segment)] = True
    likelihood[:, begins] = 1.0  # nobody knows the return of the first bar behind a gap
    filtered = np.empty_like(likelihood)
    for first in range(0, len(bars), AT_ONCE):
        seen = slice(max(0, first - WINDOW), first + AT_ONCE)
        part = _filtered(likelihood[:, seen], begins[seen], transition, start)
        filtered[:, first : first + AT_ONCE] = part[:, first - seen.start :]
    given: Floats = filtered.T
    return given


def _shares(rows: Floats) -> bool:
    """Whether each row [..., K] holds probabilities above 0 that add up to 1."""
    return bool((rows > 0).all() and np.allclose(rows.sum(axis=-1), 1.0))


def likelihoods(returns: Floats, mean: Floats, deviation: Floats) -> tuple[Floats, Floats]:
    """Density of each of the `returns` [...] in each state [K, ...] as a share of that in the likeliest one, and the logarithm of this
    one, but for a constant [...]."""
    shape = (len(mean),) + (1,) * returns.ndim
    logs = -0.5 * ((returns - mean.reshape(shape)) / deviation.reshape(shape)) ** 2 - np.log(deviation).reshape(shape)
    best: Floats = logs.max(axis=0)
    return np.exp(np.maximum(logs - best, UNLIKELY)), best


def _filtered(likelihood: Floats, begins: NDArray[np.bool_], transition: Floats, start: Floats) -> Floats:
    """[K, T] from `likelihood` [K, T] and whether a segment `begins` at a bar [T].

    A bar multiplies the probabilities by the matrix transition x likelihood; at the start of a segment its rows are all alike, and what
    came before counts no more. Products over 2, 4, ... bars are made of those over half as many, for all bars at once: each is made
    of its own bars alone and in one order, to the bit, whatever bars stand around them.
    """
    product = transition[:, :, None] * likelihood
    product[:, :, begins] = start[:, None] * likelihood[:, begins]
    reach = 1
    while 2 * reach < WINDOW:
        longer = _multiplied(product[..., :-reach], product[..., reach:])
        product[..., reach:] = longer / longer.max(axis=(0, 1))
        reach *= 2
    begun = _multiplied(start[None, :, None], product)[0]
    joint = begun.copy()
    joint[:, reach:] = _multiplied(begun[None, :, :-reach], product[..., reach:])[0]
    filtered: Floats = joint / sum(joint)
    return filtered


def _multiplied(earlier: Floats, later: Floats) -> Floats:
    """Matrix products [I, J, T] of `earlier` [I, K, T] and `later` [K, J, T], added up in one order whatever T is."""
    total: Floats = earlier[:, 0, None] * later[0]
    for k in range(1, len(later)):
        total += earlier[:, k, None] * later[k]
    return total
