"""The fill rule by a few examples that can be checked in the head; `test_arithmetic` holds it against a plain loop."""

import math

import pytest
import torch

from progressive_market.fills import NOTHING, Costs, account, fill_returns, log_growth


def equity_of(opens: list[float], sides: list[int], side_cost: float, capital: float) -> float:
    prices = torch.tensor(opens, dtype=torch.float64)
    returns, decidable = fill_returns(prices, torch.zeros(len(opens), dtype=torch.int64))
    growth = log_growth(torch.tensor(sides[: len(opens)]), returns, decidable, Costs(side_cost, capital))
    return math.exp(float(growth.sum()))


def test_a_trade_by_hand() -> None:
    """Decide at bar 0, buy at the open of bar 1 (100), sell at the open of bar 3 (120), 1 % a side."""
    got = equity_of([90.0, 100.0, 110.0, 120.0, 130.0], [1, 1, 0, 0, 0], 0.01, 1.0)
    assert got == pytest.approx(0.99 * 1.2 * 0.99, rel=1e-12)


def test_no_trade_crosses_a_gap() -> None:
    """The price doubles over a gap: a long position is closed before it and earns nothing there."""
    opens = torch.tensor([100.0] * 5 + [200.0] * 5, dtype=torch.float64)
    segment = torch.tensor([0] * 5 + [1] * 5)
    returns, decidable = fill_returns(opens, segment)
    growth = log_growth(torch.ones(10), returns, decidable, Costs(0.001))
    assert returns.abs().max() == 0
    assert float(growth.sum()) == pytest.approx(4 * math.log(0.999))


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
    returns, decidable = fill_returns(opens, torch.zeros(8, dtype=torch.int64))
    got = account(-torch.ones(8), returns, decidable, Costs(0.0))
    assert torch.exp(torch.cumsum(got.growth, 0)).tolist() == pytest.approx(
        [0.5, 0.04, 0.06, 0.06, 0.06, 0.06, 0.06, 0.06]
    )
    assert got.held.tolist() == [-1, -1, -1, 0, 0, 0, 0, 0]
    assert int(got.ruined) == 1


def test_after_ruin_another_position_may_be_entered_with_what_is_left() -> None:
    opens = torch.tensor([100.0, 100.0, 150.0, 196.0, 194.0, 100.0, 200.0, 200.0], dtype=torch.float64)
    returns, decidable = fill_returns(opens, torch.zeros(8, dtype=torch.int64))
    held = torch.tensor([-1.0, -1.0, -1.0, -1.0, 1.0, 0.0, 0.0, 0.0])  # long from 100 to 200
    growth = account(held, returns, decidable, Costs(0.0)).growth
    assert math.exp(growth.sum()) == pytest.approx(0.06 * 2)


def test_where_nothing_is_left_the_equity_still_has_a_logarithm() -> None:
    opens = torch.tensor([100.0, 100.0, 300.0, 50.0, 50.0, 50.0], dtype=torch.float64)
    returns, decidable = fill_returns(opens, torch.zeros(6, dtype=torch.int64))
    got = account(-torch.ones(6), returns, decidable, Costs(0.001))
    assert math.exp(got.growth.sum()) == pytest.approx(NOTHING * 0.999)
    assert got.held.tolist() == [-1, 0, 0, 0, 0, 0], "what is lost does not come back with the price"
    assert int(got.ruined) == 1


def test_several_strategies_at_once_are_each_as_alone() -> None:
    random = torch.Generator().manual_seed(0)
    opens = 100 * torch.exp(torch.cumsum(0.2 * torch.randn(200, generator=random, dtype=torch.float64), 0))
    returns, decidable = fill_returns(opens, torch.tensor([0] * 120 + [1] * 80))
    positions = torch.randint(-1, 2, (3, 2, 20), generator=random).repeat_interleave(10, dim=-1).double()
    charges = 0.001 * torch.randn(200, 2, generator=random, dtype=torch.float64)
    costs = Costs(0.01, 0.7)
    together = account(positions, returns, decidable, costs, charges)
    alone = [account(held, returns, decidable, costs, charges) for held in positions.flatten(0, 1)]
    assert int(together.ruined) == sum(int(each.ruined) for each in alone) > 0
    assert torch.equal(together.growth.flatten(0, 1), torch.stack([each.growth for each in alone]))
