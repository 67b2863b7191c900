"""How far a training has come: its episodes, the best weights so far, and its random numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from progressive_buckets.state_checks import (
    checked_count,
    checked_flag,
    checked_like,
    checked_number,
    misfit,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Generator

    from progressive_buckets.learner.network import Network


class TrainingProgress:
    """`episode`: how many have been run. `best` [S]: the state of the network that had `best_score` (net log return on
    the scored validation bars) after `best_episode`. `adopted`: whether a transfer has changed the weights since they
    were last scored. `generator`: the random numbers of everything that training draws. `fixed`: whether the latest weights
    are kept, whatever they score; they then count as the best.
    """

    def __init__(self, network: Network, generator: Generator, *, fixed: bool = False) -> None:
        self.generator, self.fixed = generator, fixed
        self.episode = 0
        self.best_score, self.best_episode = -math.inf, 0
        self.best = network.state()
        self.adopted = False

    def keep(self, score: float, network: Network) -> float:
        """Keep the weights of `network` if none had a better `score` or none is chosen; of equal ones, the latest.

        :return: the score; minus infinity where it is not a number.
        """
        self.adopted = False
        if math.isnan(score):
            return -math.inf
        if self.fixed or score >= self.best_score:
            self.best = network.state()
        if self.fixed or score > self.best_score:
            self.best_score, self.best_episode = score, self.episode
        return score

    def state_dict(self) -> dict[str, Any]:
        """All of it; the best score is None while nothing has been scored."""
        return {
            "episode": self.episode,
            "best_score": self.best_score if math.isfinite(self.best_score) else None,
            "best_episode": self.best_episode,
            "best": self.best,
            "adopted": self.adopted,
            "generator": self.generator.get_state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Return to a state of `state_dict()`.

        :raise ValueError: something does not fit; nothing is then changed.
        """
        episode, best_episode = checked_count(state, "episode"), checked_count(state, "best_episode")
        unscored = state.get("best_score", 0) is None
        best_score = -math.inf if unscored else checked_number(state, "best_score")
        adopted = checked_flag(state, "adopted")
        tensors = checked_like(state, best=self.best, generator=self.generator.get_state())
        try:
            self.generator.set_state(tensors["generator"].cpu())
        except RuntimeError:
            raise misfit("generator") from None
        self.episode, self.adopted = episode, adopted
        self.best_score, self.best_episode = best_score, best_episode
        self.best = tensors["best"].to(self.best.device, copy=True)
