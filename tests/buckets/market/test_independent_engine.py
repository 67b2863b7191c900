"""Our account of positions beside that of backtesting.py, a program that others wrote: longs, shorts, fees, gaps."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from attrs import evolve

from progressive_market.bars import Bars, synthetic_bars
from progressive_market.fills import Costs
from progressive_market.market import Market, open_market
from progressive_market.split import split_bars

HOUR = 3600 * 10**9
BARS = 3_000


def bars_with_gaps(seed: int) -> Bars:
    """Bars that close where the next one opens, with two gaps over which the price jumps."""
    made = synthetic_bars(BARS, seed=seed)
    segment = (np.arange(BARS) >= 1_100).astype(np.int32) + (np.arange(BARS) >= 1_900)
    opens = made.open * np.array([1.0, 1.08, 0.95])[segment]
    close = np.append(opens[1:], opens[-1])
    return evolve(
        made,
        time=made.time + 30 * HOUR * segment.astype(np.int64),
        open=opens,
        close=close,
        high=np.maximum(opens, close),
        low=np.minimum(opens, close),
        segment=segment,
    )


def positions_of(seed: int, mean_length: float) -> torch.Tensor:
    """Long, flat and short in turn, for as many bars as is drawn."""
    random = np.random.default_rng(seed)
    lengths = random.geometric(1 / mean_length, BARS)
    return torch.tensor(np.repeat(random.integers(-1, 2, BARS), lengths)[:BARS], dtype=torch.float64)


def equity_by_backtesting(bars: Bars, held: list[float], side: float, capital: float) -> list[float]:
    """Equity at the close of each bar, of the positions `held` decided there and filled at the next open."""
    backtesting = pytest.importorskip("backtesting", reason="of the test extra, not installed here")

    class Positions(backtesting.Strategy):  # type: ignore[misc, name-defined]
        def init(self) -> None:
            self.before = 0.0

        def next(self) -> None:
            wanted = held[len(self.data) - 1]
            if wanted != self.before:
                self.position.close()
                if wanted:
                    order = self.buy if wanted > 0 else self.sell
                    order(size=min(capital, 1 - 1e-9))  # 1 would be one unit
            self.before = wanted

    frame: dict[str, Any] = {name: getattr(bars, name.lower()) for name in ("Open", "High", "Low", "Close")}
    table = pd.DataFrame(frame, index=pd.DatetimeIndex(bars.time))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its statistics divide by zero where there are few trades
        stats = backtesting.Backtest(table, Positions, cash=1e12, commission=side).run()
    return (stats["_equity_curve"]["Equity"] / 1e12).tolist()


def market_on(bars: Bars, side: float, capital: float) -> Market:
    return open_market(bars, split_bars(BARS, 10, 0.2, 0.2, "x"), Costs(side, capital), "cpu")


@pytest.mark.parametrize(
    ("seed", "mean_length", "side", "capital"),
    [(1, 10, 0.0, 1.0), (2, 40, 0.001, 1.0), (3, 150, 0.002, 0.5), (4, 400, 0.0011, 1.0), (5, 5, 0.0001, 0.3)],
)
def test_equity_agrees_on_every_bar(seed: int, mean_length: float, side: float, capital: float) -> None:
    bars = bars_with_gaps(seed)
    market = market_on(bars, side, capital)
    account = market.account(positions_of(seed, mean_length), market.part(slice(0, BARS)))
    assert int(account.ruined) == 0
    assert set(account.held.tolist()) == {-1.0, 0.0, 1.0}
    ours = torch.exp(torch.cumsum(account.growth, 0)).tolist()
    theirs = equity_by_backtesting(bars, account.held.tolist(), side, capital)
    assert ours[:-1] == pytest.approx(theirs[1:], rel=1e-3)
    assert max(ours) - min(ours) > 0.1, "a curve of which 1e-3 is a small part"


def test_a_short_held_for_long_is_worth_what_its_units_are_and_not_what_bars_add_up_to() -> None:
    bars = bars_with_gaps(6)
    market = market_on(bars, 0.001, 1.0)
    held = -torch.ones(BARS, dtype=torch.float64)
    account = market.account(held, market.part(slice(0, BARS)))
    theirs = equity_by_backtesting(bars, account.held.tolist(), 0.001, 1.0)
    assert float(torch.exp(account.growth.sum())) == pytest.approx(theirs[-1], rel=1e-3)
    by_bar = float(torch.exp(market.rewards(torch.tensor([-1.0]))[:, 0].sum()))
    assert by_bar != pytest.approx(theirs[-1], rel=0.02)
