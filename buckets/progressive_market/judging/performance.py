"""Performance of positions: return, Sharpe ratio, alpha and beta to buy and hold, drawdown, trades, t-statistic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from progressive_market.charges import YEAR
from progressive_market.fixed_order import running_sum
from progressive_market.judging.block_statistics import t_statistic
from progressive_market.judging.daily import daily_returns, sharpe_ratio
from progressive_market.judging.exposure import exposure
from progressive_training import Performance, PerformanceKind

if TYPE_CHECKING:
    from torch import Tensor

    from progressive_market.fills import Account
    from progressive_market.market import Market, Part


def measure(
    strategy: str,
    positions: Tensor,
    part: Part,
    market: Market,
    kind: PerformanceKind = PerformanceKind.MODEL,
    hold: Tensor | None = None,
) -> Performance:
    """Performance of signed `positions` [N] on one `part` of `market`, without bars left out, net of the market's costs.

    :param hold: [N] log growth of what alpha and beta are measured against; None for buy and hold on all bars.
    """
    return performance_of(strategy, market.account(positions, part), part, market, kind, hold)


def performance_of(
    strategy: str,
    account: Account,
    part: Part,
    market: Market,
    kind: PerformanceKind = PerformanceKind.MODEL,
    hold: Tensor | None = None,
) -> Performance:
    """Performance of an `account` on one `part` of `market`."""
    growth, held = account.growth, account.held
    sharpe, sharpe_error = sharpe_ratio(daily_returns(growth, part.times))
    market_share = exposure(growth, market.hold(part) if hold is None else hold)
    equity = running_sum(growth)
    peak = torch.cummax(equity, dim=0).values.clamp(min=0.0)
    tradable = part.decidable.sum().clamp(min=1)
    return Performance(
        strategy=strategy,
        log_return=float(growth.sum()),
        sharpe=sharpe,
        sharpe_error=sharpe_error,
        drawdown=float(1 - torch.exp(equity - peak).min()) + 0.0,
        turnover=float(torch.diff(held, prepend=torch.zeros_like(held[:1])).abs().sum()),
        trades=completed_trades(held),
        long=float(((held > 0) & part.decidable).sum() / tradable),
        flat=float(((held == 0) & part.decidable).sum() / tradable),
        short=float(((held < 0) & part.decidable).sum() / tradable),
        t=t_statistic(growth),
        alpha=market_share.alpha * YEAR / market.interval,
        beta=market_share.beta,
        alpha_t=market_share.t,
        kind=kind,
    )


def completed_trades(held: Tensor) -> int:
    """Number of positions that were entered and left again, of the signed positions `held` [N] (`Account.held`)."""
    before = torch.cat([torch.zeros_like(held[:1]), held[:-1]])
    return int(((held != before) & (before != 0)).sum())
