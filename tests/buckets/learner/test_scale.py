"""A market is a matter of proportion: the same bars with smaller moves and smaller costs teach the same."""

import numpy as np
import pytest
import torch
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from progressive_market.bars import Bars
from progressive_market.bars.synthetic import made_up

from .conftest import OpenLearner

SMALLER = 0.1


def five_basis_points(bars: int = 4000, seed: int = 5) -> Bars:
    """Bars with moves of 5 bp that follow a column."""
    random = np.random.default_rng(seed)
    signal = random.standard_normal(bars)
    returns = 5e-4 * random.standard_normal(bars)
    returns[1:] += 2e-4 * signal[:-1]
    wick = 1e-4 * random.exponential(size=(2, bars))
    volume = 100 * np.exp(random.standard_normal(bars))
    return made_up(returns, upper=wick[0], lower=wick[1], volume=volume, extra={"signal": signal}, source="a test")


def scaled(bars: Bars, factor: float) -> Bars:
    """The same bars with every log return times `factor`."""
    first = bars.open[0]
    prices = {name: first * (getattr(bars, name) / first) ** factor for name in ("open", "high", "low", "close")}
    return evolve(bars, **prices)


def costing(cost: float) -> dict[str, float]:
    return {"FEE": cost, "SLIPPAGE": 0.0}


@settings(max_examples=5, deadline=None)
@given(factor=st.floats(0.05, 1.0), cost=st.floats(0.0, 5e-4), holding=st.sampled_from([0.0, 0.005, 0.1]))
def test_rewards_and_costs_are_shares_of_the_bars_moves(
    open_learner: OpenLearner, factor: float, cost: float, holding: float
) -> None:
    bars = five_basis_points()
    whole = open_learner(bars, HOLDING=holding, **costing(cost)).critic
    small = open_learner(scaled(bars, factor), HOLDING=holding, **costing(cost * factor)).critic
    assert small.unit == pytest.approx(factor * whole.unit, rel=1e-3)
    assert float((small.rewards - whole.rewards).square().mean().sqrt()) < 1e-3
    assert torch.allclose(small.costs, whole.costs, rtol=1e-3)


def test_holding_charges_each_bar_the_same_share_of_its_deviation(open_learner: OpenLearner) -> None:
    bars = five_basis_points()
    free, charged = (open_learner(bars, HOLDING=holding).critic for holding in (0.0, 0.02))
    assert torch.allclose(free.rewards - charged.rewards, torch.tensor(0.02), atol=1e-6)
