"""The field's measures of transfer, as arithmetic on learning curves and on a matrix of results.

A curve holds the validation score of the best weights so far: before training (index 0, after the initial transfers) and
after each episode. That is the model a user would have who stopped there, and it is extended with its last score where training ended early,
so that curves of any length can be compared at equal steps.

Curves: Taylor and Stone, Transfer learning for reinforcement learning domains (JMLR 10, 2009), section 2.1. Matrix:
Lopez-Paz and Ranzato, Gradient episodic memory for continual learning (NeurIPS 2017, arXiv 1706.08840), section 2.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import accumulate

Curve = Sequence[float]
Matrix = Sequence[Sequence[float]]
THRESHOLD = 0.9
"""The share of the best score from scratch at which a task counts as learned."""


def best_so_far(scores: Iterable[float]) -> tuple[float, ...]:
    """The curve of the best score so far; scores that are not numbers were never the best, unless they come first."""
    return tuple(accumulate(scores, lambda best, score: score if score > best or math.isnan(best) else best))


def lasting(curve: Curve, episodes: int) -> tuple[float, ...]:
    """The curve extended to at least so many episodes with its last score."""
    return (*curve, *[curve[-1]] * (episodes + 1 - len(curve)))


def delayed(curve: Curve, episodes: int, untrained: float) -> tuple[float, ...]:
    """The curve moved by so many episodes, for which its sources are trained first.

    :param untrained: the score during those.
    """
    return (*[untrained] * episodes, *curve)


def jumpstart(taught: Curve, scratch: Curve) -> float:
    """How much higher the score is before any training, in units of the score."""
    return taught[0] - scratch[0]


def asymptote_gain(taught: Curve, scratch: Curve) -> float:
    """How much higher the score ends, in units of the score."""
    return taught[-1] - scratch[-1]


def threshold_of(scratch: Curve, share: float = THRESHOLD) -> float:
    """That share of scratch's best score, at which a task counts as learned; not a number where that is not above zero."""
    return share * scratch[-1] if scratch[-1] > 0 else math.nan


def episodes_to(curve: Curve, score: float) -> float:
    """Episodes until a curve reaches a score: infinite where it never does, not a number where there is none to reach."""
    if math.isnan(score):
        return math.nan
    return next((float(episode) for episode, reached in enumerate(curve) if reached >= score), math.inf)


def area(curve: Curve) -> float:
    """Area under a curve, by the trapezoidal rule."""
    return math.fsum(curve) - (curve[0] + curve[-1]) / 2


def area_ratio(taught: Curve, scratch: Curve) -> float:
    """Area under the taught curve over that under scratch's, over equally many episodes.

    Not a number where scratch's area is not above zero: a ratio of losses means nothing.
    """
    episodes = max(len(taught), len(scratch)) - 1
    whole = area(lasting(scratch, episodes))
    return area(lasting(taught, episodes)) / whole if whole > 0 else math.nan


def forward_transfer(results: Matrix) -> float:
    """What the models before each bucket already score on it, above an untrained one: the mean over all but the first.

    :param results: [1 + buckets][buckets]: the untrained model's scores, then those of each bucket's model in order, on every
        bucket. Not a number: the model does not fit that bucket, and the pair is left out.
    """
    return _mean(results[bucket][bucket] - results[0][bucket] for bucket in range(1, len(results[0])))


def backward_transfer(results: Matrix) -> float:
    """Backward transfer: the last model's score on each earlier bucket, above that of its own model; mean over all but the last."""
    last = len(results[0])
    return _mean(results[last][bucket] - results[bucket + 1][bucket] for bucket in range(last - 1))


def _mean(values: Iterable[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return math.fsum(known) / len(known) if known else math.nan
