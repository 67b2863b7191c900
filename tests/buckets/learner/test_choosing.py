"""What a user may choose differently: the sides, the model that is kept, and what a bar's gain counts for."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from progressive_buckets.card import read_card
from progressive_buckets.learner.learner import MarketLearner
from progressive_buckets.model import TradingModel
from progressive_market.bars import Bars
from progressive_market.policy import cost_matrix, positions_of
from progressive_plugins.early_stopping import on_episode_end
from progressive_training.testing import check_bucket

from .conftest import OpenLearner, bucket

EPISODES = 4


def opinionated(learner: MarketLearner) -> MarketLearner:
    """The learner with weights that want much, either way."""
    for network in (learner.critic.online, learner.critic.target):
        network.parameters["value.linear"].normal_(0, 30.0, generator=torch.Generator().manual_seed(0))
    return learner


# ---------------------------------------------------------------------- SIDES


@given(st.integers(0, 10_000), st.integers(1, 100), st.floats(0, 2))
def test_long_alone_is_a_market_where_what_is_short_is_worth_nothing(seed: int, bars: int, cost: float) -> None:
    random = torch.Generator().manual_seed(seed)
    advantage = torch.randn(bars, 2, generator=random)
    decidable = torch.rand(bars, generator=random) > 0.05
    costs, device = (0.0, cost, 2 * cost), torch.device("cpu")
    held = positions_of(advantage, decidable, cost_matrix(costs, device, "long"))
    hopeless = torch.stack([advantage[:, 0], torch.full((bars,), -1e9)], dim=1)
    assert torch.equal(held, positions_of(hopeless, decidable, cost_matrix(costs, device)))


def test_with_sides_long_nothing_goes_short_from_the_first_episode_to_the_saved_model(
    open_learner: OpenLearner, leaking: Bars
) -> None:
    learner = opinionated(open_learner(leaking, SIDES="long", FEE=0.0, EXPLORATION=1.0))
    for _ in range(EPISODES):
        report = learner.run_episode()
        assert all(lesson["side"] == "long" for lesson in report.traces["lessons"]["shown"])
    evaluation = learner.evaluator.evaluate(learner.policy())
    assert all(row.short == 0 for row in (*evaluation.validation, *evaluation.test))
    assert any(0.1 < row.long < 0.9 for row in evaluation.test)
    saved = learner.model()
    model = TradingModel(saved.tensors, read_card(saved.card, Path("a model")))
    assert all(row.short == 0 for row in model.performance(leaking))
    prices = {name: getattr(leaking, name)[:300] for name in ("open", "high", "low", "close", "volume")}
    extra = {name: column[:300] for name, column in leaking.extra.items()}
    frame = pd.DataFrame({"time": pd.to_datetime(leaking.time[:300], utc=True), **prices, **extra})
    assert set(model(frame, position="short").values) == {"flat", "long"}


def test_a_policy_that_goes_short_where_only_long_is_allowed_is_refused(open_learner: OpenLearner) -> None:
    learner = open_learner(SIDES="long")
    with pytest.raises(ValueError, match="SIDES allows long alone"):
        learner.evaluator.evaluate(lambda part: -torch.ones(len(part)))


# ---------------------------------------------------------------------- CHOOSE


def test_fixed_keeps_the_model_after_the_last_episode_whatever_it_scores(
    open_learner: OpenLearner, leaking: Bars
) -> None:
    learner = open_learner(leaking, CHOOSE="fixed")
    for number in range(1, EPISODES + 1):
        report = learner.run_episode()
        assert (report.best_episode, report.best_score) == (number, report.score)
        assert on_episode_end(evolve(learner.info, settings={**learner.info.settings, "PATIENCE": 1}), report) is None
    last = learner.critic.target.state()
    learner.keep_best()
    assert torch.equal(learner.critic.target.state(), last)
    assert learner.memory.weight == 0.0


def test_fixed_is_judged_on_all_of_validation_since_none_of_it_chose(open_learner: OpenLearner, leaking: Bars) -> None:
    learner = open_learner(leaking, CHOOSE="fixed")
    for _ in range(EPISODES):
        learner.run_episode()
    learner.keep_best()
    held = learner.policy()(learner.evaluator.validation).to(torch.int8)
    learner.evaluator.state_dict()
    assert all(torch.equal(kept, held) for kept in learner.evaluator.evidence.held)


def test_a_resumed_fixed_learner_goes_on_to_the_bit(open_learner: OpenLearner) -> None:
    learner, again = (open_learner(CHOOSE="fixed") for _ in range(2))
    learner.run_episode()
    again.restore(learner.snapshot())
    learner.run_episode(), again.run_episode()
    for one in (learner, again):
        one.keep_best()
    assert torch.equal(learner.critic.target.state(), again.critic.target.state())
    assert learner.own_t() == again.own_t()


def test_a_fixed_learner_that_trains_on_from_a_model_is_judged_no_better_than_it(
    open_learner: OpenLearner, leaking: Bars
) -> None:
    learner = open_learner(leaking, CHOOSE="fixed", FEE=0.0, SLIPPAGE=0.0)
    learner.run_episode()
    model = learner.model()
    learner.load(evolve(model, card={**model.card, "validation_t": 0.5}))
    assert learner.own_t() == 0.5
    for _ in range(EPISODES):
        learner.run_episode()
    assert learner.own_t() == 0.5
    learner.load(evolve(model, card={**model.card, "validation_t": 1000.0}))
    learner.run_episode()
    assert 3 < learner.own_t() < 1000


def test_the_contract_holds_with_every_choice_turned() -> None:
    check_bucket(bucket(), {"CHOOSE": "fixed", "SIDES": "long", "REWARD": "volatility"})


# ---------------------------------------------------------------------- REWARD


def test_with_volatility_a_bar_counts_by_what_moves_there(open_learner: OpenLearner) -> None:
    plain, scaled = (open_learner(REWARD=kind, HOLDING=0.0) for kind in ("plain", "volatility"))
    kept = plain.market.decidable[plain.split.train]
    one, other = (learner.critic.rewards[plain.split.train][kept][:, 0] for learner in (plain, scaled))
    moves = plain.market.volatility[plain.split.train][kept]
    assert float(one.std()) == pytest.approx(float(other.std()), rel=0.01)
    calm, wild = moves < moves.quantile(0.2), moves > moves.quantile(0.8)
    assert float(one[wild].std() / one[calm].std()) > 1.5
    assert float(other[wild].std() / other[calm].std()) == pytest.approx(1.0, abs=0.25)
    assert np.isfinite(scaled.run_episode().loss)
    assert scaled.critic.unit == plain.critic.unit
