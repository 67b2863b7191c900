"""A market is a matter of proportion: the same bars with smaller moves and smaller costs teach the same."""

import numpy as np
import pytest
import torch
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from progressive_market.bars import Bars
from progressive_market.bars.synthetic import made_up
from progressive_market.features.scaler import Scaler
from progressive_market.fills import Costs
from progressive_market.market import open_market

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


@pytest.mark.parametrize("cost", [0.0, 2e-5])
def test_a_training_on_smaller_moves_at_smaller_costs_ends_in_the_same_positions(
    open_learner: OpenLearner, cost: float
) -> None:
    bars, held, ridge = five_basis_points(), [], []
    same_draws = {"PRECISION": "fp32", "PRIORITISED_REPLAY": False}  # priorities that differ in a digit draw other bars
    for factor in (1.0, SMALLER):
        learner = open_learner(scaled(bars, factor), **same_draws, **costing(cost * factor))
        for _ in range(6):
            learner.run_episode()
        part = learner.evaluator.validation
        held.append(learner.policy()(part))
        ridge.append(learner.evaluator.ridge().positions(part, learner.market))
    assert held[0].diff().count_nonzero() > 50
    assert float((held[0] == held[1]).double().mean()) > 0.98
    assert float((ridge[0] == ridge[1]).double().mean()) > 0.99


@given(unit=st.floats(1e-25, 1e15), level=st.sampled_from([0.0, 1.0, 1e3]))
def test_a_column_counts_the_same_in_any_unit(unit: float, level: float) -> None:
    column = level + np.random.default_rng(0).standard_normal((500, 1))
    whole, other = column.astype(np.float32), (column * unit).astype(np.float32)
    assert np.allclose(Scaler.fit(whole).apply(whole), Scaler.fit(other).apply(other), atol=1e-3)


@pytest.mark.parametrize("unit", [1e28, 1e31, 1e37])
def test_a_model_of_a_column_in_any_unit_can_be_loaded(open_learner: OpenLearner, unit: float) -> None:
    bars = five_basis_points()
    learner = open_learner(evolve(bars, extra={"signal": bars.extra["signal"] * unit}))
    learner.load(learner.model())


def test_before_the_price_first_moves_an_outcome_counts_nothing() -> None:
    bars = five_basis_points(500)
    still = np.arange(500) < 40
    prices = {name: np.where(still, bars.open[39], getattr(bars, name)) for name in ("open", "high", "low", "close")}
    market = open_market(evolve(bars, **prices), Scaler(np.zeros(30), np.ones(30)), Costs(0.0), "cpu")
    outcomes, exist = market.outcomes(torch.arange(45), torch.tensor([100]))
    assert exist.all()
    assert (outcomes[0, :40].abs() < 1e-6).all()
    assert (outcomes[0, 41:].abs() > 1e-3).all()
