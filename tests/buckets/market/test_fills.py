"""Equity is what a pencil and paper give, and costs only ever cost."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from progressive_buckets.market.fills import Costs, fill_returns, log_growth

PRICES = st.lists(st.floats(50, 200), min_size=4, max_size=40)
SIDES = st.lists(st.sampled_from([-1, 0, 1]), min_size=40, max_size=40)


def equity_by_hand(opens: list[float], sides: list[int], side_cost: float, capital: float) -> float:
    """The fill rule, one bar after the other in plain Python: the last two bars cannot be decided on."""
    equity, held = 1.0, 0
    for t in range(len(opens) - 1):
        wanted = sides[t] if t < len(opens) - 2 else 0
        equity *= 1 - side_cost * capital * abs(wanted - held)
        held = wanted
        if held:
            equity *= 1 + capital * held * (opens[t + 2] / opens[t + 1] - 1)
    return equity


def equity_of(opens: list[float], sides: list[int], side_cost: float, capital: float) -> float:
    prices = torch.tensor(opens, dtype=torch.float64)
    returns, decidable = fill_returns(prices, torch.zeros(len(opens), dtype=torch.int64))
    growth = log_growth(torch.tensor(sides[: len(opens)]), returns, decidable, Costs(side_cost, capital))
    return math.exp(float(growth.sum()))


@given(PRICES, SIDES, st.floats(0, 0.05), st.floats(0.05, 0.3))
def test_equity_matches_a_plain_loop(opens: list[float], sides: list[int], cost: float, capital: float) -> None:
    by_hand = equity_by_hand(opens, sides, cost, capital)
    assert equity_of(opens, sides, cost, capital) == pytest.approx(by_hand, rel=1e-9)


@given(PRICES, SIDES, st.floats(0, 0.05), st.floats(0, 0.05))
def test_a_higher_fee_never_helps(opens: list[float], sides: list[int], fee: float, more: float) -> None:
    assert equity_of(opens, sides, fee + more, 0.3) <= equity_of(opens, sides, fee, 0.3) * (1 + 1e-12)


@given(PRICES, st.floats(0, 0.1))
def test_staying_flat_is_exactly_flat(opens: list[float], fee: float) -> None:
    assert equity_of(opens, [0] * 40, fee, 1.0) == 1.0


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


def test_a_short_position_cannot_lose_more_than_everything() -> None:
    opens = torch.tensor([100.0, 100.0, 300.0, 300.0], dtype=torch.float64)
    returns, decidable = fill_returns(opens, torch.zeros(4, dtype=torch.int64))
    growth = log_growth(-torch.ones(4), returns, decidable, Costs(0.0))
    assert math.isfinite(float(growth.sum()))
    assert float(growth.sum()) < -20
