"""The fill rule by a few examples that can be checked in the head; `test_arithmetic` holds it against a plain loop."""

import math

import pytest
import torch

from progressive_market.fills import Costs, fill_returns, log_growth


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


def test_a_short_position_cannot_lose_more_than_everything() -> None:
    opens = torch.tensor([100.0, 100.0, 300.0, 300.0], dtype=torch.float64)
    returns, decidable = fill_returns(opens, torch.zeros(4, dtype=torch.int64))
    growth = log_growth(-torch.ones(4), returns, decidable, Costs(0.0))
    assert math.isfinite(float(growth.sum()))
    assert float(growth.sum()) < -20
