"""Experience replay that stores bar indices only: what was seen there is gathered from the market again.

Sampling is proportional to priority ** 0.6 (Schaul et al. 2016), and the importance weights undo the bias fully, so
that priorities change how often a bar is looked at, never what is learned from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from attrs import frozen

from progressive_buckets.state_checks import checked_bars, checked_count, checked_length, checked_tensor, misfit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Generator, Tensor

EXPONENT = 0.6
FLOOR = 0.1
"""Added to every error, in deviations of a reward, so that no bar is forgotten and no weight explodes."""


@frozen
class Sample:
    """`bars` [B] drawn, the ring's `slots` [B] they came from, and importance `weights` [B] with mean about 1."""

    bars: Tensor
    slots: Tensor
    weights: Tensor


def draw(weights: Tensor, count: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Draw `count` positions with replacement, each as often as its weight says; one of weight 0 never.

    :param weights: [N], at least one above 0. :return: positions [count], and the sum of all weights [] float64.
    """
    cumulative = torch.cumsum(weights, dim=0, dtype=torch.float64)
    points = torch.rand(count, generator=generator, device=weights.device, dtype=torch.float64) * cumulative[-1]
    return torch.searchsorted(cumulative, points, right=True).clamp(max=len(weights) - 1), cumulative[-1]


class Replay:
    """A ring of `capacity` visited bars with a priority each: 0 where nothing can be learned, or nothing is kept yet.

    `market_bars`: number of bars of the market that they are of.
    """

    def __init__(self, capacity: int, device: torch.device | str, prioritised: bool, market_bars: int) -> None:
        self.capacity, self.prioritised, self.market_bars = capacity, prioritised, market_bars
        self.bars = torch.zeros(capacity, dtype=torch.int64, device=device)
        self.priorities = torch.zeros(capacity, device=device)
        self.filled = 0
        self.cursor = 0

    def add(self, bars: Tensor, errors: Tensor, counted: Tensor) -> None:
        """Remember `bars` [N], the oldest making room, with how wrong their values were (absolute `errors` [N]).

        Where not `counted` [N], a bar takes a place and is never drawn: so many places as bars, known without looking.
        """
        bars, errors, counted = bars[-self.capacity :], errors[-self.capacity :], counted[-self.capacity :]
        slots = (self.cursor + torch.arange(len(bars), device=bars.device)) % self.capacity
        self.bars[slots] = bars
        self.priorities[slots] = self.priority(errors) * counted
        self.cursor = (self.cursor + len(bars)) % self.capacity
        self.filled = min(self.capacity, self.filled + len(bars))

    def sample(self, count: int, generator: Generator) -> Sample:
        """Draw `count` bars with replacement."""
        priorities = self.priorities[: self.filled]
        slots, total = draw(priorities, count, generator)
        mean = total / (priorities > 0).sum()
        return Sample(self.bars[slots], slots, (mean / priorities[slots]).float())

    def renew(self, slots: Tensor, errors: Tensor) -> None:
        """Set the priorities of `slots` from how wrong the values were there (absolute errors, in deviations).

        Of a slot drawn several times the largest counts, in whatever order the device goes through them.
        """
        self.priorities.scatter_reduce_(0, slots, self.priority(errors), "amax", include_self=False)

    def priority(self, errors: Tensor) -> Tensor:
        """How much more often a bar with such an error is drawn."""
        return (errors + FLOOR) ** EXPONENT if self.prioritised else torch.ones_like(errors)

    def trace(self) -> dict[str, Tensor]:
        """How many bars are kept, and how far priorities spread."""
        priorities = self.priorities[: max(1, self.filled)]
        filled, total = (priorities > 0).sum(), priorities.sum()
        return {
            "filled": filled,
            "mean": total / filled.clamp(min=1),
            "highest": priorities.max(),
            "effective_bars": total.square() / priorities.square().sum().clamp(min=1e-12),
        }

    def state_dict(self) -> dict[str, Any]:
        """The filled part of the ring, as views, and the place of the next bar."""
        filled = slice(self.filled)
        return {"bars": self.bars[filled], "priorities": self.priorities[filled], "cursor": self.cursor}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Return to a state of `state_dict()`.

        :raise ValueError: something does not fit; nothing is then changed.
        """
        filled = checked_length(state, "bars")
        if filled > self.capacity:
            raise misfit("bars")
        bars = checked_bars(state, "bars", filled, self.market_bars)
        priorities = checked_tensor(state, "priorities", (filled,), self.priorities.dtype)
        cursor = checked_count(state, "cursor", self.capacity - 1)
        self.bars[:filled] = bars
        self.priorities[:filled] = priorities
        self.filled, self.cursor = filled, cursor
