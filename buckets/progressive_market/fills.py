"""THE fill rule: decide on the close of bar t, trade at the open of bar t + 1, earn until the open of bar t + 2.

This prices positions; which position a policy takes, and when a change is worth its cost, is `policy.best_actions`.

A position p (-1 short, 0 flat, 1 long) puts the share f = CAPITAL_ALLOCATION of the equity at stake. Bar by bar

    equity *= (1 - side * f * |p[t] - p[t-1]|) * (1 + f * p[t] * (open[t+2] / open[t+1] - 1))

with side = FEE + SLIPPAGE. The position before the first bar is flat. Where `decidable` is false (warm-up bars, the
last bars before a gap, the last bar of a part) the position is forced flat, and that trade is paid for like any other.
Rewards are the logarithms of these factors, so they add up exactly.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from attrs import frozen

if TYPE_CHECKING:
    from torch import Tensor

RUIN = 1e-9
"""What is left of the equity, at least, when a short position meets a price that doubles."""


@frozen
class Costs:
    """`side` is the cost of one side of a trade as a share of its value, `capital` the share of equity at stake."""

    side: float
    capital: float = 1.0

    def of_change(self, change: Tensor) -> Tensor:
        """Log cost, zero or negative, of changing the position by `change` (0, 1 or 2 either way)."""
        return torch.log1p(-self.side * self.capital * change.abs())

    def table(self) -> tuple[float, float, float]:
        """What 0, 1 and 2 steps of position cost, as positive logs."""
        one, two = (-math.log1p(-self.side * self.capital * steps) for steps in (1, 2))
        return 0.0, one, two

    def earned(self, positions: Tensor, returns: Tensor) -> Tensor:
        """Log growth of the equity from holding `positions` over bars whose fill-to-fill `returns` are given."""
        return torch.log((1 + self.capital * positions * returns).clamp(min=RUIN))


def fill_returns(opens: Tensor, segment: Tensor) -> tuple[Tensor, Tensor]:
    """Simple return from the open of bar t + 1 to the open of bar t + 2, and where it exists.

    :param opens: [T] float64. :param segment: [T], constant between two gaps.
    :return: returns [T] float64, zero where there is none, and a mask [T]: both fills lie in the segment of bar t.
    """
    returns = torch.zeros_like(opens)
    exists = torch.zeros(len(opens), dtype=torch.bool, device=opens.device)
    exists[:-2] = segment[2:] == segment[:-2]
    returns[:-2] = torch.where(exists[:-2], opens[2:] / opens[1:-1] - 1, 0.0)
    return returns, exists


def log_growth(positions: Tensor, returns: Tensor, decidable: Tensor, costs: Costs) -> Tensor:
    """Log growth of the equity on each bar [..., T] float64, net of costs; its sum is the log of final equity.

    :param positions: [..., T], -1, 0 or 1; taken as 0 where not `decidable` [T], whose last bar must not be.
    :param returns: [T] of `fill_returns`.
    """
    held = positions.to(torch.float64) * decidable
    change = torch.diff(held, prepend=torch.zeros_like(held[..., :1]))
    return costs.of_change(change) + costs.earned(held, returns)
