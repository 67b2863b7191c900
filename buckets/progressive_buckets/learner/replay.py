"""Experience replay that stores bar indices only: what was seen there is gathered from the market again.

Sampling is proportional to priority ** 0.6 (Schaul et al. 2016), and the importance weights undo the bias fully, so
that priorities change how often a bar is looked at, never what is learned from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from attrs import frozen

if TYPE_CHECKING:
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


class Replay:
    """A ring of `capacity` visited bars with a priority each."""

    def __init__(self, capacity: int, device: torch.device | str, prioritised: bool) -> None:
        self.capacity, self.prioritised = capacity, prioritised
        self.bars = torch.zeros(capacity, dtype=torch.int64, device=device)
        self.priorities = torch.zeros(capacity, device=device)
        self.filled = 0
        self.cursor = 0

    def add(self, bars: Tensor, errors: Tensor) -> None:
        """Remember `bars` [N], the oldest making room, with how wrong their values were (absolute `errors` [N])."""
        bars, errors = bars[-self.capacity :], errors[-self.capacity :]
        slots = (self.cursor + torch.arange(len(bars), device=bars.device)) % self.capacity
        self.bars[slots] = bars
        self.renew(slots, errors)
        self.cursor = (self.cursor + len(bars)) % self.capacity
        self.filled = min(self.capacity, self.filled + len(bars))

    def sample(self, count: int, generator: Generator) -> Sample:
        """Draw `count` bars with replacement."""
        device = self.bars.device
        if not self.prioritised:
            slots = torch.randint(self.filled, (count,), generator=generator, device=device)
            return Sample(self.bars[slots], slots, torch.ones(count, device=device))
        cumulative = torch.cumsum(self.priorities[: self.filled].double(), dim=0)
        points = torch.rand(count, generator=generator, device=device, dtype=torch.float64) * cumulative[-1]
        slots = torch.searchsorted(cumulative, points).clamp(max=self.filled - 1)
        mean = cumulative[-1] / self.filled
        weights = (mean / self.priorities[slots]).float()
        return Sample(self.bars[slots], slots, weights)

    def renew(self, slots: Tensor, errors: Tensor) -> None:
        """Set the priorities of `slots` from how wrong the values were there (absolute errors, in deviations)."""
        self.priorities[slots] = (errors + FLOOR) ** EXPONENT if self.prioritised else 1.0

    def trace(self) -> dict[str, float]:
        """How full the replay is, and how far priorities spread."""
        priorities = self.priorities[: max(1, self.filled)]
        mean = float(priorities.mean())
        effective = float(priorities.sum().square() / priorities.square().sum().clamp(min=1e-12))
        return {"filled": self.filled, "mean": mean, "highest": float(priorities.max()), "effective_bars": effective}
