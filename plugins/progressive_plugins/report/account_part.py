"""What a judged strategy did, in numbers and short tables: the account without what only charts can show."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs
import numpy as np

from progressive_plugins.report.report_records import AccountPart, Histogram, Rows, TradesPart
from progressive_training import Evaluation

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from progressive_training.market import StrategyAccount

MOST_BARS = 24
"""Of a histogram."""
NARROWEST = 1e-6
"""A bar of a histogram, in per cent."""


def account_part(account: StrategyAccount, judged: Evaluation | None) -> AccountPart:
    """The account in short; the shares of exposure are those of the strategy's own rows in the evaluation."""
    traded = {"validation": judged.validation, "test": judged.test} if judged else {}
    return AccountPart(
        interval=account.interval,
        bars=account.bars,
        merged=account.merged,
        symbol=account.symbol,
        source=account.source,
        parts=tuple(attrs.asdict(part) for part in account.parts),
        gap_count=account.gap_count,
        gaps=rows_of(account.gaps),
        costs={name: attrs.asdict(costs) for name, costs in account.costs.items()},
        exposure={
            name: {"long": rows[0].long, "flat": rows[0].flat, "short": rows[0].short}
            for name, rows in traded.items()
            if rows
        },
        slices=rows_of(account.slices),
        trades={name: _trades(account.trades[account.trades["part"] == name]) for name in account.costs},
    )


def rows_of(frame: pd.DataFrame) -> Rows:
    """The rows of a frame, times as ISO text."""
    shown = frame.copy()
    for name in shown.columns:
        if shown[name].dtype.kind == "M":
            shown[name] = [time.isoformat() for time in shown[name]]
    return tuple({str(name): value for name, value in row.items()} for row in shown.to_dict("records"))


def _trades(trades: pd.DataFrame) -> TradesPart:
    profits = trades["profit"]
    count = len(trades)
    return TradesPart(
        count=count,
        won=float((profits > 0).mean()) if count else None,
        median_bars=float(trades["bars"].median()) if count else None,
        mean_profit=float(profits.mean()) if count else None,
        median_profit=float(profits.median()) if count else None,
        best=float(profits.max()) if count else None,
        worst=float(profits.min()) if count else None,
        reasons={str(reason): int(number) for reason, number in trades["reason"].value_counts().items()},
        histogram=histogram(profits.to_numpy(np.float64)) if count else None,
    )


def histogram(profits: NDArray[np.float64]) -> Histogram:
    """Bars of a round width with 0 at an edge, so that gains are apart from losses; the outermost ones hold the hundredth of the
    trades beyond."""
    low, high = np.quantile(profits, [0.01, 0.99])
    low, high = min(float(low), 0.0), max(float(high), 0.0)
    width = _round_up(max((high - low) / MOST_BARS, NARROWEST)) if high > low else 1.0
    first = min(math.floor(low / width), -int((profits < 0).any()))
    last = max(math.ceil(high / width), int((profits >= 0).any()))
    edges = [round(place * width, 12) for place in range(first, last + 1)]
    counts, _ = np.histogram(np.clip(profits, edges[0], edges[-1]), edges)
    return Histogram(edges=tuple(edges), counts=tuple(int(count) for count in counts))


def _round_up(value: float) -> float:
    """The next of 1, 2, 5, 10, 20 and so on, or of their fractions."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * (1 - 1e-9))
