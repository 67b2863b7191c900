"""Specialists for regimes beside the plain network: what is trained, chosen, saved, taught and resumed."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from attrs import evolve

from progressive_app.store.tensors import write_tensors
from progressive_buckets.learner.learner import MarketLearner
from progressive_buckets.learner.opening import learner_of
from progressive_buckets.model import load_trading_model
from progressive_buckets.specialists.gating import gated_features, own_name, plain_name
from progressive_buckets.specialists.specialist_pair import SpecialistPair
from progressive_market.bars import Bars, synthetic_bars
from progressive_market.regimes.detector import RegimeModel
from progressive_training import ModelError, Resources
from progressive_training.market import market_on

from .conftest import bucket, info_of

BARS, LASTS, EPISODES = 3000, 50, 4
REGIME = np.arange(BARS) // LASTS % 2
FREE = {"FEE": 0.0, "SLIPPAGE": 0.0, "HORIZON_RANGE": (1, 6)}


def told(flips: bool) -> Bars:
    """Bars with a column that shows the next fill's return, half of it noise; its negative in regime 2 where it `flips`."""
    bars = synthetic_bars(BARS, seed=11)
    shown = np.zeros(BARS)
    shown[:-2] = bars.open[2:] / bars.open[1:-1] - 1
    shown += np.random.default_rng(0).normal(0, shown.std(), BARS)
    return evolve(bars, extra={"shown": np.where(flips & (REGIME == 1), -shown, shown)})


def opened(flips: bool = True, *, regimes: bool = True, seed: int = 7, **settings: Any) -> Any:
    declared = bucket(horizons=(1, 6))
    info = info_of(declared, seed, **FREE, **settings)
    resources = Resources(device="cpu", parallel_episodes=16, batch_size=64)
    market, split = market_on(told(flips), info, "cpu")
    if regimes:
        planted = RegimeModel(name="planted", distribution="tests", version="1", count=2, history=1, parameters={})
        market = evolve(market, regimes=torch.from_numpy(np.eye(2, dtype=np.float32)[REGIME]), regime_model=planted)
    return learner_of(declared, info, resources, market, split)


def trained(learner: Any) -> Any:
    for _ in range(EPISODES):
        learner.run_episode()
    return learner


@pytest.fixture(scope="module")
def flipping() -> tuple[SpecialistPair, Any]:
    pair = trained(opened())
    return pair, pair.keep_best()[0]


def test_a_feature_that_holds_everywhere_and_one_that_flips_are_both_linear_in_the_inputs() -> None:
    features, regimes = torch.tensor([[2.0, 3.0]] * 3), torch.eye(3)
    assert gated_features(features, regimes).tolist() == [
        [2, 3, -2, -3, -2, -3],
        [2, 3, 2, 3, 0, 0],
        [2, 3, 0, 0, 2, 3],
    ]


def test_names_of_tensors_go_there_and_back() -> None:
    for name in ("gates.weight", "extractor.0.weight", "value.linear", "horizon.24.bias", "memory.rows"):
        assert plain_name(own_name(name)) == name and plain_name(name) is None


def test_the_plain_network_learns_as_it_does_without_regimes(flipping: Any) -> None:
    alone = trained(opened(regimes=False))
    assert isinstance(alone, MarketLearner)
    alone.keep_best()
    assert torch.equal(flipping[0].plain.critic.target.state(), alone.critic.target.state())


def test_where_a_sign_flips_the_specialists_vote_and_the_choice_is_an_entry_of_the_ledger(flipping: Any) -> None:
    pair, entry = flipping
    assert pair.choice.adopted
    assert (entry.strategy, entry.source, entry.target, entry.phase) == ("specialists", "Swing", "Swing", "choice")
    assert entry.verdict == "kept" and entry.after > entry.before and "t " in entry.reason
    assert pair.validate() == pytest.approx(entry.after)
    assert pair.own_t() > pair.plain.own_t()


def test_specialists_that_lose_beyond_noise_do_not_vote() -> None:
    pair = trained(opened(flips=False))
    luck = np.random.default_rng(0).normal(size=64)
    for _ in range(20):
        pair.choice.compare((0.1 * luck + 1.0).tolist(), (0.0 * luck).tolist())
    (entry,) = pair.keep_best()
    assert entry.verdict == "rolled back" and not pair.choice.adopted and "t -" in entry.reason
    assert pair.validate() == entry.before == pair.plain.validate()
    assert pair.policy() is pair.plain.policy()
    assert pair.own_t() == pair.plain.own_t(), "both halves would have kept the plain network"


def test_what_was_never_compared_does_not_vote() -> None:
    pair = opened()
    (entry,) = pair.keep_best()
    assert entry.verdict == "rolled back" and not pair.choice.adopted


def test_it_goes_on_from_a_snapshot_to_the_bit() -> None:
    pair, other = opened(), opened(seed=7)
    for _ in range(2):
        pair.run_episode()
    other.restore(pair.snapshot())
    for each in (pair, other):
        trained(each)
        each.keep_best()
    one, two = pair.snapshot(), other.snapshot()
    assert one.values == two.values
    assert all(torch.equal(tensor, two.tensors[name]) for name, tensor in one.tensors.items())
    with pytest.raises(ModelError, match="choice"):
        other.restore(evolve(one, values={**one.values, "choice.adopted": 1}))


def test_the_saved_model_does_what_was_judged_and_goes_on(flipping: Any, tmp_path: Path) -> None:
    pair, _ = flipping
    saved = pair.model()
    assert {own_name(name) for name in pair.gated.critic.target.parameters} <= set(saved.tensors)
    write_tensors(tmp_path / "model.safetensors", saved.tensors, saved.card)
    model = load_trading_model(tmp_path)
    part = pair.market.part(pair.split.test)
    assert model.card.specialists
    assert torch.equal(model.follow_strategy(part, pair.market), pair.policy()(part))
    assert not torch.equal(pair.plain.policy()(part), pair.policy()(part))
    assert set(model.skill(part, pair.market)) == {1, 6}
    assert model.outlook(part, pair.market).shape == part.returns.shape
    with pytest.raises(ModelError, match="specialists for 2 regimes, and the bars have 0"):
        model.follow_strategy(evolve(part, regimes=None), pair.market)
    fresh = opened()
    fresh.load(saved)
    assert fresh.choice.adopted and fresh.validate() == pair.validate()
    assert fresh.own_t() == pytest.approx(pair.own_t())
    evaluation = fresh.evaluator.evaluate(fresh.policy())
    assert evaluation == pair.evaluator.evaluate(pair.policy())


def test_both_teach_and_a_teacher_without_regimes_teaches_the_plain_one(flipping: Any) -> None:
    pair, _ = flipping
    known, pupil = pair.knowledge(), opened(seed=8)
    assert sum(known.feature_importance.values()) == pytest.approx(1)
    before = pupil.validate()
    made = pupil.adopt(known)
    assert set(made.copied) == set(known.weights) and not made.dropped
    assert pupil.validate() > before
    theirs, own = (each.gated.critic.target.parameters["value.linear"] for each in (pair, pupil))
    assert torch.equal(own, theirs)
    untaught, teacher = opened(seed=9), trained(opened(regimes=False))
    fresh = untaught.gated.critic.target.state()
    made = untaught.adopt(teacher.knowledge())
    assert set(made.copied) == set(teacher.knowledge().weights)
    assert set(made.new) == {own_name(name) for name in untaught.gated.critic.target.parameters}
    assert torch.equal(untaught.gated.critic.target.state()[: len(fresh)], fresh)
    untaught.load(teacher.model())
    assert not untaught.choice.adopted and untaught.validate() == teacher.validate()


def test_what_comes_back_changes_nothing() -> None:
    pair = opened()
    pair.run_episode()
    before = [each.critic.target.state() for each in pair.both]
    pair.adopt(pair.knowledge())
    assert all(torch.equal(own, each.critic.target.state()) for own, each in zip(before, pair.both, strict=True))


def test_what_a_finished_pair_is_taught_is_considered_and_judged_no_higher_than_before(flipping: Any) -> None:
    pair, _ = flipping
    pupil, known = opened(), pair.knowledge()
    pupil.load(pair.model())
    before, state = pupil.validate(), pupil.snapshot()
    nudged = {name: tensor + 0.05 * tensor.abs() for name, tensor in known.weights.items()}
    pupil.adopt(evolve(known, weights=nudged, feature_importance={}, horizons={}))
    assert pupil.validate() != before
    considered = pupil.evaluator.choices
    pupil.policy()
    pupil.policy()
    assert pupil.evaluator.choices == considered + 1
    assert pupil.own_t() <= pair.own_t()
    pupil.restore(state)
    assert pupil.validate() == before and pupil.choice.adopted


def test_until_the_choice_is_made_the_score_is_the_mean_of_both_also_on_later_bars() -> None:
    pair = opened()
    pair.run_episode()
    moment = str(pair.market.times[pair.split.validation.start + 100].astype("datetime64[ns]")) + "Z"
    for score, parts in (
        (pair.validate(), [each.validate() for each in pair.both]),
        (pair.validate_after(moment)[0], [each.validate_after(moment)[0] for each in pair.both]),
        (sum(pair.validation_blocks()), [sum(each.validation_blocks()) for each in pair.both]),
    ):
        assert score == pytest.approx(sum(parts) / 2)
