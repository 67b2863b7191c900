"""When a trial is given up: where it lags behind those of earlier batches."""

from __future__ import annotations

import math
from collections.abc import Sequence

from progressive_studies.search.tried import Trial
from progressive_studies.search.with_optuna import score_of

FIRST = 8
"""Episodes that each trial is left, whatever it earns."""
KEPT = 1 / 3
"""The share of earlier trials that are as good as a trial has to be at first."""
BEST = 16
"""Episodes after which none may have been better. Replayed on recorded curves (three planted markets, spaces of four settings), 30 trials
then take 10.7 to 11.3 trainings of 40 episodes in the median, where the best third throughout takes 12.5 to 16 and none given up 20 to 25;
the best trial is given up more often, which costs 1 % of the score, and nothing on fresh bars."""


def floors(tried: Sequence[Trial]) -> tuple[float, ...]:
    """For each episode of a trial, one fold after the other, the score below which it is given up.

    That is what the best third of the trials of earlier batches had by then, of which fewer and fewer count: from the sixteenth episode
    on the best alone. One that ended before counts with its last score. -inf before the eighth episode. Empty, so that none is
    given up, where there are no earlier trials.
    """
    begun = [[score_of(step) for step in trial.steps] for trial in tried if trial.steps]
    if not begun:
        return ()
    longest = max(map(len, begun))
    by_episode = [sorted((steps[min(at, len(steps) - 1)] for steps in begun), reverse=True) for at in range(longest)]
    return tuple(
        -math.inf if episode < FIRST else scores[_place(len(begun), episode)]
        for episode, scores in enumerate(by_episode, 1)
    )


def lags(floors: Sequence[float], episode: int, score: float) -> bool:
    """Whether a trial is to be given up after its `episode`, counted from 1 over all its folds, with the best `score` so far.

    Behind the last floor that one holds on.
    """
    return bool(floors) and episode >= FIRST and score_of(score) < floors[min(episode, len(floors)) - 1]


def _place(trials: int, episode: int) -> int:
    share = KEPT * max(BEST - episode, 0) / (BEST - FIRST)
    return max(math.ceil(trials * share), 1) - 1
