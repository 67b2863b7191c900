"""What a judged strategy and its baselines did on one part: performance, equity, trades, periods, costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from attrs import evolve, frozen

from progressive_market.accounts.equity_curves import equity_curve
from progressive_market.accounts.period_slices import slices_of
from progressive_market.accounts.strategy_account import CostsPaid
from progressive_market.accounts.trade_list import fill_times, trades_of
from progressive_market.fills import account
from progressive_market.judging.performance import performance_of
from progressive_training import Performance, PerformanceKind
from progressive_training.presentation import percent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from progressive_market.fills import Account
    from progressive_market.judging.baselines import Strategy
    from progressive_market.market import Market, Part


@frozen(kw_only=True, eq=False)
class PartAccount:
    """`performance` of the model and each baseline, the model's own row first; their `equity` (see `equity_curve`, with `strategy`
    and `kind`); and of the model alone its `trades` (`trades_of`), `slices` (`slices_of`) and `costs`."""

    performance: tuple[Performance, ...]
    equity: pd.DataFrame
    trades: pd.DataFrame
    slices: pd.DataFrame
    costs: CostsPaid


def part_account(compared: Iterable[Strategy], part: Part, market: Market) -> PartAccount:
    """Run the account of each of the strategies that are `compared` on a part, the model's own first; one is held at a time."""
    times, hold = fill_times(part, market), market.hold(part)
    rows, curves = [], []
    for each in compared:
        did = market.account(each.held, each.part)
        rows.append(performance_of(each.label, did, each.part, market, each.kind, hold))
        curves.append(equity_curve(did, times))
        if each.kind is PerformanceKind.MODEL:
            trades, costs = trades_of(each.held, did, part, market), _costs_paid(did, part, market)
            slices = slices_of(did, hold, times, market.volatility[part.start : part.start + len(part)])
    lengths = [*map(len, curves)]
    whose = {"strategy": [row.strategy for row in rows], "kind": [str(row.kind) for row in rows]}
    equity = pd.concat(curves, ignore_index=True).assign(
        **{column: np.repeat(names, lengths) for column, names in whose.items()}
    )
    return PartAccount(performance=tuple(rows), equity=equity, trades=trades, slices=slices, costs=costs)


def _costs_paid(did: Account, part: Part, market: Market) -> CostsPaid:
    free = evolve(market.costs, side=0.0)
    charged, gross = (
        float(account(did.held, part.returns, part.decidable, free, charges).growth.sum())
        for charges in (part.charges, None)
    )
    net = float(did.growth.sum())
    return CostsPaid(
        gross=percent(gross),
        net=percent(net),
        fees=-percent(net - charged) + 0.0,
        charges=-percent(charged - gross) + 0.0,
    )
