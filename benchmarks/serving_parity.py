"""Decisions bar by bar as a user takes them, held against the trajectory and against the evaluation of the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from attrs import frozen

from progressive_market.bars import load_bars
from progressive_training import load_model

if TYPE_CHECKING:
    from serving_cases import Evaluated

    from progressive_buckets.model import TradingModel

SIDES = {"flat": 0, "long": 1, "short": -1}
SAME = 1e-9
"""Difference of two equities, as a share, that rounding makes."""


@frozen
class Parity:
    """One comparison: bars that were decided on live, trades there, and how many bars differ in action, position or equity from
    the trajectory, and from the evaluation."""

    bars: int
    trades: int
    from_trajectory: int
    from_evaluation: int

    @property
    def differences(self) -> int:
        """All of them."""
        return self.from_trajectory + self.from_evaluation


def strategy_parity(run: Evaluated, bars: int | None = None) -> Parity:
    """The strategy on the test part, from its first bar on, against what the evaluator measured there; the first `bars` of them."""
    model: TradingModel = load_model(run.as_judged, policy="strategy")
    learner = run.learner
    test = learner.market.part(learner.split.test)
    expected = model.trajectory(run.file, since=pd.Timestamp(test.times[0], tz="UTC"))
    policy = learner.acting()
    account = learner.market.account(policy(test), test)
    held, growth = ([0.0, *values[:-1].tolist()] for values in (account.held, account.growth))
    judged = learner.evaluator.judged  # of the last bar, on which all is sold at its open, the whole sum speaks
    assert judged is not None
    differs = _signed(expected["position"]) != np.array(held)
    differs |= ~np.isclose(expected["equity"], np.exp(np.cumsum(growth)), rtol=SAME, atol=0.0)
    differs[-1] = abs(expected["log_growth"].sum() - judged.test[0].log_return) > SAME
    return _compared(model, run, expected, slice(0, bars), int(differs.sum()))


def use_parity(run: Evaluated, bars: int | None = None) -> Parity:
    """The model in use, which trades, on the newest bars of the file; what it does is measured on all of it."""
    model: TradingModel = load_model(run.trading)
    expected = model.trajectory(run.file)
    measured = model.performance(run.file)[0].log_return
    first = len(expected) - len(run.learner.market.part(run.learner.split.test))
    return _compared(
        model,
        run,
        expected,
        slice(first, None if bars is None else first + bars),
        int(abs(expected["log_growth"].sum() - measured) > SAME),
    )


def _compared(model: TradingModel, run: Evaluated, expected: pd.DataFrame, stretch: slice, judged: int) -> Parity:
    """Live on a `stretch` of the bars that are `expected`, holding before it what was expected there."""
    first, rows = stretch.start, expected.iloc[: stretch.stop]
    there = rows.iloc[stretch]
    before = str(there["position"].iloc[0])
    live = lived(model, run.case.frame, _times(there), before)
    served = load_bars(run.file, run.case.settings.get("FREQUENCY"), run.case.settings.get("FILL_MINUTES", 10.0))
    shown = np.isin(served.time, _times(rows).as_unit("ns").asi8)
    prices = (served.open if served.fills is None else served.fills)[shown]
    absent = np.zeros(len(rows), dtype=bool) if served.absent is None else served.absent[shown]
    # Nobody can decide on absent bars: what is held stays.
    action = live.where(~absent[stretch], None).ffill().fillna(before)
    position = action.shift(fill_value=before)
    held = pd.concat([rows["position"].iloc[:first].astype(str), position]).map(SIDES).to_numpy()
    equity = equity_of(held, prices, model.card.costs.side)[first:]
    differs = (action != there["action"].astype(str)).to_numpy() | (
        position != there["position"].astype(str)
    ).to_numpy()
    differs |= live.isna().to_numpy() & ~absent[stretch]
    differs = differs[:-1] | ~np.isclose(equity, there["equity"].to_numpy()[:-1], rtol=SAME, atol=0.0)
    trades = int((position != position.shift(fill_value=before)).sum())
    return Parity(len(there), trades, int(differs.sum()), judged)


def lived(model: TradingModel, frame: pd.DataFrame, times: pd.DatetimeIndex, position: str) -> pd.Series[str]:
    """Actions by the bar that was decided on, of `times`; NaN on bars that were never the newest.

    The model is asked at every row of the file, with the bars that its card asks for and no more.

    :param position: what is held before the first of them.
    """
    row_times, begins = pd.DatetimeIndex(frame["time"]).as_unit("ns").asi8, times.as_unit("ns").asi8
    whole, part = lengths_of(model)
    live = model.live(position)  # type: ignore[arg-type]
    actions: dict[pd.Timestamp, str] = {}
    for row in np.flatnonzero((row_times + part >= begins[0] + whole) & (row_times < begins[-1] + whole)):
        decision = live(window(model, frame, int(row), model.history))
        assert not decision.warnings, decision.warnings
        actions[decision.time] = decision.action
    return pd.Series(actions, dtype=object).reindex(times)


def window(model: TradingModel, frame: pd.DataFrame, row: int, bars: int) -> pd.DataFrame:
    """The rows up to `row` (included) that make so many closed bars of the length that `model` was trained on, and no more."""
    times, (whole, part) = pd.DatetimeIndex(frame["time"]).as_unit("ns").asi8, lengths_of(model)
    closed = (times[row] + part) // whole * whole if whole > part else times[row] + part
    oldest = int(np.searchsorted(times, closed - bars * whole, side="right")) - 1
    return frame.iloc[max(0, oldest) : row + 1]


def lengths_of(model: TradingModel) -> tuple[int, int]:
    """Nanoseconds of a bar that is decided on, and of those that it is merged of."""
    return round(model.card.interval_seconds * 1e9), round(model.card.source_seconds * 1e9)


def equity_of(position: np.ndarray, prices: np.ndarray, side: float) -> np.ndarray:
    """Equity [N - 1] at the end of each bar but the last, from 1, of signed positions [N] held from one of the `prices` [N] to the next:
    counted as a broker does, trade by trade (see `fills`), without any of the program's own account."""
    equity, units, before = 1.0, 0.0, 0
    out = np.empty(len(position) - 1)
    for bar, wanted in enumerate(position[:-1]):
        if wanted != before:
            equity -= side * units * prices[bar]
            equity *= 1 - side * abs(wanted)
            units, before = equity / prices[bar] * abs(wanted), wanted
        equity += wanted * units * (prices[bar + 1] - prices[bar])
        out[bar] = equity
    return out


def _times(rows: pd.DataFrame) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(rows.index)


def _signed(names: pd.Series[str]) -> np.ndarray:
    return names.astype(str).map(SIDES).to_numpy()
