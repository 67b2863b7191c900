"""Is there an edge? Asked of validation bars that had no say in which weights were kept.

The best of many episodes looks good on the bars that chose it, even where there is nothing to learn: on a driftless
random walk one bucket in ten reached a t of 2.5 that way (seen by us). So the choice is made twice more, once by each
half of the validation part, and judged on the other half (cross-fitting; compare the probability of backtest
overfitting, Bailey, Borwein, Lopez de Prado and Zhu 2014). What is kept for trading is chosen by all of it.

Where validation has many bars an excerpt of each half chooses, and the whole other half judges.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from progressive_buckets.insight.measurement_cache import MeasurementCache
from progressive_buckets.state_checks import checked_like, checked_number
from progressive_training.market import stretch_of, t_statistic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor


class Edge:
    """The weights that each half of the validation bars would keep, as `states` [2, S], and their `score` [2] there.

    `cap` is the t of a model that training went on from, which later choices cannot better.
    """

    def __init__(self, bars: Tensor, count: int, size: int) -> None:
        """:param bars: [N] those of the `count` validation bars that choose. :param size: of a state, S."""
        self.states = torch.zeros(2, size, device=bars.device)
        self.score = torch.full((2,), -math.inf, dtype=torch.float64, device=bars.device)
        self.cap = math.inf
        first = in_first_half(bars, count)
        self.halves = torch.stack([first, ~first])  # [2, N]
        self._judged: MeasurementCache[float] = MeasurementCache()

    def consider(self, growth: Tensor, state: Tensor) -> None:
        """Let each half keep `state` [S] if none did better on it; of equal ones, the latest.

        :param growth: [N] that it brings; not a number where the weights are none, which no half keeps.
        """
        score = (growth * self.halves).sum(dim=1)  # [2]
        better = score >= self.score
        self.score = torch.where(better, score, self.score)
        self.states = torch.where(better[:, None], state, self.states)

    def t(self, grown: Callable[[Tensor], Tensor]) -> float:
        """t of the growth on each half under the weights that the other half keeps; measured once for the same weights.

        :param grown: gives the growth [count] that a state [S] brings on all validation bars.
        """

        def judged() -> float:
            first, second = (grown(state) for state in self.states)
            bars = torch.arange(len(first), device=first.device)
            return t_statistic(torch.where(in_first_half(bars, len(first)), second, first))

        return min(self.cap, self._judged.of(self.states.clone(), judged))

    def state_dict(self) -> dict[str, Any]:
        """What each half keeps with its score, and the cap; None for no cap."""
        cap = self.cap if math.isfinite(self.cap) else None
        return {"states": self.states, "score": self.score, "cap": cap}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Return to a state of `state_dict()`.

        :raise ValueError: something does not fit; nothing is then changed.
        """
        tensors = checked_like(state, states=self.states, score=self.score)
        cap = math.inf if state.get("cap", 0) is None else checked_number(state, "cap")
        device = self.states.device
        self.states, self.score = (tensors[name].to(device, copy=True) for name in ("states", "score"))
        self.cap = cap


def in_first_half(bars: Tensor, count: int) -> Tensor:
    """Whether `bars` of a part of `count` lie in its first half: every other stretch, so that both see all times."""
    return stretch_of(bars, count) % 2 == 0
