"""The fill rule: decide at the close of bar t, trade at the open of bar t + 1, earn until the open of bar t + 2.

This module computes the profit of given positions; `policy.best_actions` decides which position is worth its cost.

A position p (-1 short, 0 flat, 1 long) puts the share f = CAPITAL_ALLOCATION of the equity at stake. For each bar

    equity *= (1 - side * f * |p[t] - p[t-1]|) * (1 + f * p[t] * (open[t+2] / open[t+1] - 1))

with side = FEE + SLIPPAGE. The position before the first bar is flat. Where `decidable` is false (warm-up bars, the
last bars before a gap, the last bar of a part) the position is forced flat, at the cost of an ordinary trade.
Log growth is the logarithm of these factors, so that it adds up over bars.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from attrs import frozen

if TYPE_CHECKING:
    from torch import Tensor

RUIN = 1e-9
"""Least factor of the equity on one bar, for a short position while the price doubles or worse."""


@frozen
class Costs:
    """Trading costs.

    `side`: cost of one side of a trade, as a share of its value. `capital`: share of the equity at stake. `allowed`: the
    sides that may be taken, "both" or "long".
    """

    side: float
    capital: float = 1.0
    allowed: str = "both"

    def of_change(self, change: Tensor) -> Tensor:
        """Log cost, zero or negative, of changing the position by `change` (0, 1 or 2 either way)."""
        return torch.log1p(-self.side * self.capital * change.abs())

    def table(self) -> tuple[float, float, float]:
        """Costs of a change of position by 0, 1 and 2, as positive log costs."""
        one, two = (-math.log1p(-self.side * self.capital * steps) for steps in (1, 2))
        return 0.0, one, two

    def earned(self, positions: Tensor, returns: Tensor) -> Tensor:
        """Log growth of the equity, before costs, from `positions` over bars with fill-to-fill `returns`; same shapes."""
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
