"""What a user notices of importance: what the price follows comes first, and noise is called noise."""

import numpy as np
import pytest
import torch
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from progressive_buckets.insight.importance import Measured
from progressive_buckets.learner.learner import MarketLearner
from progressive_market.bars import Bars, synthetic_bars
from progressive_market.bars.synthetic import made_up

from .conftest import OpenLearner, bucket

BARS = 6000
NOISE = tuple(f"noise_{column}" for column in range(8))


def market(follows: np.ndarray, delay: int = 1, seed: int = 3, **columns: np.ndarray) -> Bars:
    """Bars whose returns follow `follows` so many bars later through as much noise, beside 8 columns of noise."""
    random = np.random.default_rng(seed)
    returns = 0.005 * random.standard_normal(BARS)
    returns[delay:] += 0.0025 * follows[:-delay]
    extra = columns | {name: random.standard_normal(BARS) for name in NOISE}
    wick = 0.001 * random.exponential(size=(2, BARS))
    volume = 100 * np.exp(random.standard_normal(BARS))
    return made_up(returns, upper=wick[0], lower=wick[1], volume=volume, extra=extra, source="a test")


def gates(learner: MarketLearner) -> dict[str, float]:
    return dict(zip(learner.market.names, learner.critic.target.prior.tolist(), strict=True))


def test_what_the_price_follows_keeps_its_gate_and_noise_loses_it(open_learner: OpenLearner) -> None:
    signal = np.random.default_rng(1).standard_normal(BARS)
    gate = gates(open_learner(market(signal, signal=signal)))
    assert gate["signal"] == 1
    assert 0 < max(gate[name] for name in NOISE) < 0.2


def test_what_matters_in_a_context_only_keeps_its_gate(open_learner: OpenLearner) -> None:
    random = np.random.default_rng(1)
    signal, context = random.standard_normal(BARS), np.where(np.arange(BARS) // 50 % 2 == 0, 1.0, -1.0)
    gate = gates(open_learner(market(signal * context, signal=signal, context=context)))
    assert gate["signal"] == gate["context"] == 1
    assert 0 < max(gate[name] for name in NOISE) < 0.2


@pytest.mark.parametrize("seed", range(3))
def test_where_nothing_matters_all_features_stay(open_learner: OpenLearner, seed: int) -> None:
    learner = open_learner(market(np.zeros(BARS), seed=seed))
    assert min(gates(learner).values()) > 0.5


def test_a_network_that_gives_every_bar_the_same_value_keeps_the_screened_importance(open_learner: OpenLearner) -> None:
    measured = open_learner().measured()
    assert measured.permuted == measured.screened


def test_a_trained_network_ranks_what_it_uses_first(open_learner: OpenLearner) -> None:
    signal = np.random.default_rng(1).standard_normal(BARS)
    learner = open_learner(market(signal, signal=signal), FEE=0.0, SLIPPAGE=0.0, UPDATES_PER_EPISODE=20)
    for _ in range(5):
        learner.run_episode()
    permuted = learner.measured().permuted
    assert max(permuted, key=lambda name: permuted[name]) == "signal"
    assert sum(permuted.values()) == pytest.approx(1)
    assert min(permuted.values()) > 0


def test_measuring_importance_draws_no_randomness(open_learner: OpenLearner) -> None:
    learner, watched = open_learner(), open_learner()
    for one in (learner, watched):
        one.run_episode()
    watched.measured()
    assert learner.run_episode() == watched.run_episode()


@pytest.mark.parametrize("delay", [1, 6, 24])
def test_the_horizon_at_which_a_signal_lives_ranks_first(open_learner: OpenLearner, delay: int) -> None:
    signal = np.random.default_rng(2).standard_normal(BARS)
    bars = market(2 * signal, delay, signal=signal)
    learner = open_learner(bars, declared=bucket(horizons=(1, 6, 24)), UPDATES_PER_EPISODE=20, LEARNING_RATE=0.003)
    for _ in range(5):
        learner.run_episode()
    skill = learner.measured().horizons
    assert max(skill, key=lambda horizon: skill[horizon]) == delay
    assert skill[delay] > 0


@given(st.permutations(range(6)))
def test_methods_agree_fully_on_one_order_whatever_they_think_of_noise(noise: list[int]) -> None:
    names = [*"abc", *(f"noise_{place}" for place in range(6))]
    first, second = ([*important, *(0.01 * rank for rank in noise)] for important in ((0.5, 0.3, 0.2), (0.8, 0.6, 0.4)))
    shares = [dict(zip(names, values, strict=True)) for values in (first, second[:3] + second[:2:-1])]
    assert Measured(*shares, {}).agreement == pytest.approx(1)
    opposed = dict(zip(names, [0.2, 0.3, 0.5, *first[3:]], strict=True))
    assert Measured(shares[0], opposed, {}).agreement < 0.95


def test_of_what_the_network_hardly_hears_screening_has_the_word() -> None:
    screened = {"strong": 0.8, "weak": 0.09, "noise": 0.06, "other": 0.05}
    permuted = {"strong": 0.7, "weak": 0.05, "noise": 0.15, "other": 0.10}
    importance = Measured(screened, permuted, {}).importance
    assert sorted(importance, key=importance.__getitem__, reverse=True) == ["strong", "weak", "noise", "other"]
    assert sum(importance.values()) == pytest.approx(1)
    assert Measured(screened, screened, {}).importance == pytest.approx(screened)


def test_bars_few_or_without_a_move_are_no_trouble(open_learner: OpenLearner) -> None:
    bars = synthetic_bars(1600, seed=4)
    learner = open_learner(evolve(bars, extra={"nothing": np.zeros(1600)}))
    assert bool(torch.isfinite(learner.critic.target.prior).all())
    assert sum(learner.measured().importance.values()) == pytest.approx(1)
