"""Prioritised experience replay that stores bar numbers only; features and returns are gathered from the market.

A bar's priority is (error + 0.1) ^ 0.6, and bars are sampled in proportion to it (Schaul et al. 2016). Importance weights
undo the sampling bias in full (beta = 1): priorities change how often a bar is sampled, never what is learned from it.

A priority is set when the bar is stored (its error, plus the surprise of a trade that begins there) and replaced by the error
alone after each round of gradient steps in which the bar was sampled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from attrs import frozen

from progressive_buckets.state_checks import checked_bars, checked_count, checked_length, checked_tensor, misfit
from progressive_training.market import running_sum

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Generator, Tensor

EXPONENT = 0.6
FLOOR = 0.1
"""Added to every error, in units, so that every bar can be sampled and no importance weight explodes."""


@frozen
class Sample:
    """A sample: `bars` [B], their `slots` in the ring [B], and importance `weights` [B] (1 on average over the replay)."""

    bars: Tensor
    slots: Tensor
    weights: Tensor


def draw(weights: Tensor, count: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Draw `count` positions with replacement, in proportion to `weights`.

    :param weights: [N], at least one above 0. :return: positions [count], and the sum of the weights [] float64.
    """
    cumulative = running_sum(weights.double())
    points = torch.rand(count, generator=generator, device=weights.device, dtype=torch.float64) * cumulative[-1]
    return torch.searchsorted(cumulative, points, right=True).clamp(max=len(weights) - 1), cumulative[-1]


class Replay:
    """A ring buffer of `capacity` visited bars, each with a priority; 0 for bars that cannot be learned from.

    :param prioritised: whether priorities depend on errors; else they are 1. :param market_bars: bars of the market.
    """

    def __init__(self, capacity: int, device: torch.device | str, prioritised: bool, market_bars: int) -> None:
        self.capacity, self.prioritised, self.market_bars = capacity, prioritised, market_bars
        self.bars = torch.zeros(capacity, dtype=torch.int64, device=device)
        self.priorities = torch.zeros(capacity, device=device)
        self.filled = 0
        self.cursor = 0

    def add(self, bars: Tensor, errors: Tensor, counted: Tensor) -> None:
        """Store `bars` [N] in place of the oldest ones, with priorities from their absolute `errors` [N], in units.

        A bar that is not `counted` [N] takes a slot with priority 0. Skipping it would need the number of counted bars,
        for which the host would wait.
        """
        bars, errors, counted = bars[-self.capacity :], errors[-self.capacity :], counted[-self.capacity :]
        slots = (self.cursor + torch.arange(len(bars), device=bars.device)) % self.capacity
        self.bars[slots] = bars
        self.priorities[slots] = self.priority(errors) * counted
        self.cursor = (self.cursor + len(bars)) % self.capacity
        self.filled = min(self.capacity, self.filled + len(bars))

    def sample(self, count: int, generator: Generator) -> Sample:
        """Draw `count` bars with replacement, in proportion to priority."""
        priorities = self.priorities[: self.filled]
        slots, total = draw(priorities, count, generator)
        mean = total / (priorities > 0).sum()
        return Sample(self.bars[slots], slots, (mean / priorities[slots]).float())

    def update_priorities(self, slots: Tensor, errors: Tensor) -> None:
        """Set the priorities of `slots` [N] from their absolute `errors` [N], in units.

        If a slot occurs several times, its largest error counts, which does not depend on the device's order.
        """
        self.priorities.scatter_reduce_(0, slots, self.priority(errors), "amax", include_self=False)

    def priority(self, errors: Tensor) -> Tensor:
        """The priority of bars with absolute `errors` [N], in units."""
        return (errors + FLOOR) ** EXPONENT if self.prioritised else torch.ones_like(errors)

    def statistics(self) -> dict[str, Tensor]:
        """For the episode report: bars that can be sampled, mean and highest priority, and the effective number of bars,
        (sum of priorities)^2 / sum of their squares."""
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
