"""Fits a hidden Markov model of returns by expectation and maximisation (Baum and Welch), on many short stretches at once.

Each stretch begins with the shares of time that the states have in the long run. What so is lost of a regime that lasts hundreds of
bars is little, and every step of the recursion is one operation for all stretches. Nothing is drawn: the same bars give the same
model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from progressive_market.regimes.gaussian_hmm import LEAST, likelihoods

if TYPE_CHECKING:
    from progressive_market.bars.bar_records import Floats

STRETCH = 128
"""Bars of a stretch."""
MOST = 65_536
"""Bars that are fitted to, of many an even choice of stretches."""
STEPS = 100
"""Steps at most."""
ENOUGH = 1e-6
"""Gain of log likelihood a bar and step that ends the fit."""
STAYS = 0.98
"""Probability to stay in a state for one more bar, to begin with."""
RARE = 1e-6
"""Least probability of a transition."""
QUIET = 1e-3
"""Least deviation of a state, as a share of that of all returns."""


def fitted_hmm(returns: Floats, volatility: Floats, count: int) -> dict[str, Any]:
    """Parameters of `count` states by rising deviation, as `gaussian_hmm.fit` describes them.

    :param returns: log returns [N]. :param volatility: [N], by whose quantiles the states begin.
    """
    borders = np.quantile(volatility, np.arange(1, count) / count)
    state = np.searchsorted(borders, volatility, side="right")
    least = max(QUIET * float(returns.std()), LEAST)
    mean, deviation = np.full(count, float(returns.mean())), np.full(count, max(float(returns.std()), least))
    for number in range(count):
        if len(own := returns[state == number]):
            mean[number], deviation[number] = own.mean(), max(float(own.std()), least)
    transition = np.full((count, count), (1 - STAYS) / (count - 1))
    np.fill_diagonal(transition, STAYS)
    seen, reached = _stretches(returns), -np.inf
    for _ in range(STEPS):
        start = long_run(transition)
        share, moved, log_likelihood = _expected(seen, mean, deviation, transition, start)
        if log_likelihood - reached < ENOUGH:
            break
        reached = log_likelihood
        weight = np.maximum(share.sum(axis=(1, 2)), 1e-9)
        mean = (share * seen).sum(axis=(1, 2)) / weight
        squares = (share * (seen - mean[:, None, None]) ** 2).sum(axis=(1, 2)) / weight
        deviation = np.maximum(np.sqrt(squares), least)
        transition = np.maximum(moved / np.maximum(moved.sum(axis=1, keepdims=True), 1e-9), RARE)
        transition /= transition.sum(axis=1, keepdims=True)
    order = np.argsort(deviation, kind="stable")
    transition = transition[np.ix_(order, order)]
    return {
        "mean": mean[order].tolist(),
        "deviation": deviation[order].tolist(),
        "transition": transition.tolist(),
        "start": long_run(transition).tolist(),
    }


def long_run(transition: Floats) -> Floats:
    """Share of time in each state [K], to which powers of `transition` [K, K] come."""
    power = transition
    for _ in range(40):
        power = power @ power
        power /= power.sum(axis=1, keepdims=True)
    share: Floats = power.mean(axis=0) / power.mean(axis=0).sum()
    return share


def _stretches(returns: Floats) -> Floats:
    """`returns` as [bars of a stretch, stretches], gaps passed over: to the model a regime goes on behind one."""
    length = min(STRETCH, len(returns))
    rows = returns[: len(returns) // length * length].reshape(-1, length)
    most = max(1, MOST // length)
    if len(rows) > most:
        rows = rows[np.linspace(0, len(rows) - 1, most).astype(int)]
    return np.ascontiguousarray(rows.T)


def _expected(
    seen: Floats, mean: Floats, deviation: Floats, transition: Floats, start: Floats
) -> tuple[Floats, Floats, float]:
    """Of returns `seen` [L, C]: the probability of each state given all of its stretch [K, L, C], the expected number of transitions
    [from, to], and the log likelihood of one bar."""
    count, (length, _) = len(mean), seen.shape
    likelihood, best = likelihoods(seen, mean, deviation)
    ahead, behind = np.empty_like(likelihood), np.ones_like(likelihood)
    scale = np.empty_like(seen)
    for t in range(length):
        joint = _step(transition, ahead[:, t - 1]) if t else np.broadcast_to(start[:, None], ahead[:, 0].shape)
        joint = joint * likelihood[:, t]
        scale[t] = sum(joint)
        ahead[:, t] = joint / scale[t]
    for t in range(length - 1, 0, -1):
        behind[:, t - 1] = _step(transition.T, behind[:, t] * likelihood[:, t] / scale[t])
    later = behind[:, 1:] * likelihood[:, 1:] / scale[1:]
    moved = np.array([[(ahead[i, :-1] * later[j]).sum() for j in range(count)] for i in range(count)]) * transition
    return ahead * behind, moved, float((np.log(scale) + best).mean())


def _step(transition: Floats, states: Floats) -> Floats:
    """Probabilities [K, C] one bar later, added up in one order whatever C is."""
    total: Floats = transition[0][:, None] * states[0]
    for k in range(1, len(states)):
        total += transition[k][:, None] * states[k]
    return total
