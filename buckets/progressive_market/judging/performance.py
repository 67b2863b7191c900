"""Performance of positions: return, Sharpe ratio, drawdown, trades, t-statistic."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from progressive_market.fills import Costs, account
from progressive_training import Performance, PerformanceKind

if TYPE_CHECKING:
    from torch import Tensor

    from progressive_market.market import Part

YEAR = 365.25 * 24 * 3600
BLOCKS = 64


def t_statistic(growth: Tensor) -> float:
    """t-statistic of the mean log growth per bar [N], by batch means: from the sums of 64 blocks of equal length.

    Unlike an error from single bars, it is right for bars that depend on each other within a block, as those of a long
    trade do. Bars after the last full block (63 at most) are left out. 0 where the growth does not vary.
    """
    sums = block_sums(growth)
    deviation = float(sums.std()) if len(sums) > 1 else 0.0
    return float(sums.mean()) / (deviation / math.sqrt(len(sums))) if deviation > 0 else 0.0


def standard_error(growth: Tensor) -> float:
    """Standard error of the sum of log growth per bar [N], from the same blocks; NaN for fewer than two bars."""
    sums = block_sums(growth)
    return float(sums.std()) * math.sqrt(len(sums)) if len(sums) > 1 else math.nan


def block_sums(growth: Tensor) -> Tensor:
    """Sums of log growth [N] over blocks of equal length [64, or N if that is less]."""
    count = min(BLOCKS, len(growth))
    length = len(growth) // max(count, 1)
    return growth[: count * length].view(count, length).sum(dim=1)


def measure(
    strategy: str,
    positions: Tensor,
    part: Part,
    costs: Costs,
    interval: float,
    kind: PerformanceKind = PerformanceKind.MODEL,
) -> Performance:
    """Performance of signed `positions` [N] on one part, net of costs.

    :param interval: seconds between two bars, to annualise the Sharpe ratio.
    """
    counted = account(positions, part.returns, part.decidable, costs, part.charges)
    growth, held = counted.growth, counted.held
    change = torch.diff(held, prepend=torch.zeros_like(held[:1])).abs()
    left = torch.cat([torch.zeros_like(held[:1]), held[:-1]]) != 0
    equity = torch.cumsum(growth, dim=0)
    peak = torch.cummax(equity, dim=0).values.clamp(min=0.0)
    deviation = float(growth.std()) if len(growth) > 1 else 0.0
    tradable = part.decidable.sum().clamp(min=1)
    return Performance(
        strategy=strategy,
        log_return=float(growth.sum()),
        sharpe=float(growth.mean()) / deviation * math.sqrt(YEAR / interval) if deviation > 0 else 0.0,
        drawdown=float(1 - torch.exp(equity - peak).min()) + 0.0,
        turnover=float(change.sum()),
        trades=int(((change != 0) & left).sum()),
        long=float(((held > 0) & part.decidable).sum() / tradable),
        flat=float(((held == 0) & part.decidable).sum() / tradable),
        short=float(((held < 0) & part.decidable).sum() / tradable),
        t=t_statistic(growth),
        kind=kind,
    )
