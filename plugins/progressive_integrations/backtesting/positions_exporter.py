"""Bars with the position held during each, and a script that trades them in backtesting.py at the same fills and costs."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from attrs import evolve

from progressive_training import ModelError
from progressive_training.market import ServedModel

if TYPE_CHECKING:
    import pandas as pd

    from progressive_training import Export

BARS, FACTS, SCRIPT = "bars.csv", "costs.json", "backtest.py"
SIDES = {"flat": 0, "long": 1, "short": -1}


def export(asked: Export) -> Mapping[str, str]:
    """Write them.

    :raise ModelError: it is no model on the market's bars, or they do not fit it.
    """
    model, bars = asked.model, asked.bars
    if not isinstance(model, ServedModel):
        raise ModelError(
            f"models of bucket {asked.bucket!r} have no trajectory(bars), of which positions could be taken"
        )
    rows = model.trajectory(bars, asked.since)
    costs = model.card.costs.costs
    own, without_charges = float(rows["equity"].iloc[-1] - 1), _without_charges(asked, rows)
    facts = {
        "bucket": asked.bucket,
        "commission": costs.side,
        "capital": costs.capital,
        "total": without_charges,
        "total_with_funding_and_borrowing": own,
    }
    _table(asked, rows).to_csv(asked.out / BARS, index_label="time")
    (asked.out / FACTS).write_text(json.dumps(facts, indent=1) + "\n", "utf-8")
    (asked.out / SCRIPT).write_text(Path(__file__).with_name("backtesting_script.py").read_text("utf-8"), "utf-8")
    charged = ""
    if costs.funding or costs.borrow:
        charged = f"; backtesting.py knows no funding and borrowing, with which the model made {100 * own:+.2f} %"
    return {
        BARS: f"{len(rows):,} bars, and the position held during each",
        FACTS: f"commission of a side, share of the equity at stake, and the total of the model, {100 * without_charges:+.2f} %{charged}",
        SCRIPT: f"`pip install backtesting`, then `python {SCRIPT}` in that directory shows its statistics and draws backtest.html",
    }


def _without_charges(asked: Export, rows: pd.DataFrame) -> float:
    """What the positions of a trajectory earned in all but for funding and borrowing, as a share."""
    market = asked.model.market(asked.bars)
    part = market.part(slice(len(asked.bars) - len(rows), len(asked.bars)))
    held = torch.tensor([SIDES[name] for name in rows["position"]], dtype=torch.float64).roll(
        -1
    )  # decided on the bar before
    free = evolve(market, costs=evolve(market.costs, funding=0.0, borrow=0.0))
    growth = free.account(held, evolve(part, charges=None, absent=None)).growth
    return math.expm1(float(growth[:-1].sum()))


def _table(asked: Export, rows: pd.DataFrame) -> pd.DataFrame:
    """Columns of backtesting.py, and `position`; the open is the price at which an order that waits for the bar fills. A bar before the
    first one is repeated twice: backtesting.py gives the first order on the second bar, for the third."""
    import pandas as pd

    bars = asked.bars
    table = rows[["open", "high", "low", "close"]].set_axis(["Open", "High", "Low", "Close"], axis=1)
    table["Volume"] = bars.volume[len(bars) - len(rows) :]
    if bars.fills is not None:
        table["Open"] = bars.fills[len(bars) - len(rows) :]
        table["High"] = table[["High", "Open"]].max(axis=1)
        table["Low"] = table[["Low", "Open"]].min(axis=1)
    table["position"] = [SIDES[name] for name in rows["position"]]
    times = pd.DatetimeIndex(rows.index).tz_localize(None)
    first = pd.concat([table.iloc[:1].assign(position=0)] * 2)
    step = pd.Timedelta(bars.interval, unit="ns")
    first.index = pd.DatetimeIndex([times[0] - 2 * step, times[0] - step])
    return pd.concat([first, table.set_axis(times, axis=0)])
