"""The fill rule by a few examples that can be checked in the head; `test_arithmetic` holds it against a plain loop."""

import math

import numpy as np
import pytest
import torch
from attrs import evolve

from progressive_market.bars import clean, synthetic_bars
from progressive_market.features.scaler import Scaler
from progressive_market.fills import NOTHING, Costs, account, fill_returns, log_growth
from progressive_market.market import open_market


def equity_of(opens: list[float], sides: list[int], side_cost: float, capital: float) -> float:
    prices = torch.tensor(opens, dtype=torch.float64)
    returns, decidable = fill_returns(prices)
    growth = log_growth(torch.tensor(sides[: len(opens)]), returns, decidable, Costs(side_cost, capital))
    return math.exp(float(growth.sum()))


def test_a_trade_by_hand() -> None:
    """Decide at bar 0, buy at the open of bar 1 (100), sell at the open of bar 3 (120), 1 % a side."""
    got = equity_of([90.0, 100.0, 110.0, 120.0, 130.0], [1, 1, 0, 0, 0], 0.01, 1.0)
    assert got == pytest.approx(0.99 * 1.2 * 0.99, rel=1e-12)


def test_what_is_held_before_a_gap_is_held_over_it() -> None:
    """The price doubles over a gap that nobody knew of: what was long then has doubled, and is sold at the second open after."""
    made = synthetic_bars(200, seed=0)
    opens, after = np.where(np.arange(200) < 100, 100.0, 200.0), np.arange(200) >= 100
    bars = evolve(
        made,
        open=opens,
        high=opens,
        low=opens,
        close=opens,
        segment=after.astype(np.int32),
        time=made.time + after * 10**15,
    )
    market = open_market(bars, Scaler(np.zeros(25), np.ones(25)), Costs(0.001), "cpu")
    part = market.part(slice(0, 200))
    account = market.account(torch.ones(200), part)
    held = account.held.bool()
    assert held[24:100].all() and not held[100:124].any() and held[124:198].all()
    assert float(account.growth.sum()) == pytest.approx(math.log(2) + 4 * math.log(0.999))


def test_an_order_that_waits_for_an_absent_bar_fills_at_the_next_open_and_nothing_is_decided_there() -> None:
    """Of every five minutes the fourth and fifth were quiet: what is decided on the third bar is bought at the open of the
    first one that came after, and an action on the absent ones, which nobody saw in time, is none."""
    made = synthetic_bars(200, seed=1)
    there = np.arange(200) % 5 < 3
    columns = {name: getattr(made, name)[there] for name in ("open", "high", "low", "close", "volume")}
    bars = clean(made.time[there], columns, source="quiet", fill_minutes=120)
    assert bars.absent is not None and int(bars.absent.sum()) == 200 * 2 // 5 - 2
    market = open_market(bars, Scaler(np.zeros(25), np.ones(25)), Costs(0.0), "cpu")
    actions = torch.zeros(len(bars))
    actions[[52, 53]] = torch.tensor([1.0, -1.0])  # the bar before two absent ones, and one of these
    account = market.account(actions, market.part(slice(0, len(bars))))
    assert account.held[50:57].tolist() == [0, 0, 1, 1, 1, 0, 0]
    assert float(account.growth.sum()) == pytest.approx(math.log(bars.open[56] / bars.open[55]))


def test_units_stay_while_a_position_is_held() -> None:
    """Half of 1 sold short at 100 is 0.005 units; bought back at 144 they cost 0.22, whatever the price did on the way."""
    got = equity_of([90.0, 100.0, 120.0, 144.0, 144.0, 144.0], [-1, -1, 0, 0, 0, 0], 0.0, 0.5)
    assert got == pytest.approx(1 - 0.005 * 44, rel=1e-12)


def test_a_reversal_pays_for_what_it_closes_and_what_it_opens() -> None:
    """Long from 100 to 120 and short from there to 90, 1 % a side, all of the equity: each entry at what is left."""
    got = equity_of([90.0, 100.0, 120.0, 90.0, 90.0], [1, -1, 0, 0, 0], 0.01, 1.0)
    assert got == pytest.approx(0.99 * (1.2 - 0.012) * 0.99 * (1 + 0.25 - 0.0075), rel=1e-12)


def test_a_position_that_is_ruined_is_closed_at_the_next_fill_and_stays_closed() -> None:
    """Short at 100: at 196 four per cent are left, seen at that open. At the next, at 194, six are, and it ends there."""
    opens = torch.tensor([100.0, 100.0, 150.0, 196.0, 194.0, 100.0, 50.0, 50.0], dtype=torch.float64)
    returns, decidable = fill_returns(opens)
    got = account(-torch.ones(8), returns, decidable, Costs(0.0))
    assert torch.exp(torch.cumsum(got.growth, 0)).tolist() == pytest.approx(
        [0.5, 0.04, 0.06, 0.06, 0.06, 0.06, 0.06, 0.06]
    )
    assert got.held.tolist() == [-1, -1, -1, 0, 0, 0, 0, 0]
    assert int(got.ruined) == 1


def test_after_ruin_another_position_may_be_entered_with_what_is_left() -> None:
    opens = torch.tensor([100.0, 100.0, 150.0, 196.0, 194.0, 100.0, 200.0, 200.0], dtype=torch.float64)
    returns, decidable = fill_returns(opens)
    held = torch.tensor([-1.0, -1.0, -1.0, -1.0, 1.0, 0.0, 0.0, 0.0])  # long from 100 to 200
    growth = account(held, returns, decidable, Costs(0.0)).growth
    assert math.exp(growth.sum()) == pytest.approx(0.06 * 2)


def test_where_nothing_is_left_the_equity_still_has_a_logarithm() -> None:
    opens = torch.tensor([100.0, 100.0, 300.0, 50.0, 50.0, 50.0], dtype=torch.float64)
    returns, decidable = fill_returns(opens)
    got = account(-torch.ones(6), returns, decidable, Costs(0.001))
    assert math.exp(got.growth.sum()) == pytest.approx(NOTHING * 0.999)
    assert got.held.tolist() == [-1, 0, 0, 0, 0, 0], "what is lost does not come back with the price"
    assert int(got.ruined) == 1


def test_several_strategies_at_once_are_each_as_alone() -> None:
    random = torch.Generator().manual_seed(0)
    opens = 100 * torch.exp(torch.cumsum(0.2 * torch.randn(200, generator=random, dtype=torch.float64), 0))
    returns, decidable = fill_returns(opens)
    positions = torch.randint(-1, 2, (3, 2, 20), generator=random).repeat_interleave(10, dim=-1).double()
    charges = 0.001 * torch.randn(200, 2, generator=random, dtype=torch.float64)
    costs = Costs(0.01, 0.7)
    together = account(positions, returns, decidable, costs, charges)
    alone = [account(held, returns, decidable, costs, charges) for held in positions.flatten(0, 1)]
    assert int(together.ruined) == sum(int(each.ruined) for each in alone) > 0
    assert torch.equal(together.growth.flatten(0, 1), torch.stack([each.growth for each in alone]))
