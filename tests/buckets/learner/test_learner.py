"""What a user notices of a learner: it learns what can be learned, resumes to the bit, and reports what it does."""

import json

import pytest
import torch
from attrs import evolve

from progressive_market.bars import Bars
from progressive_market.fills import log_growth
from progressive_training import DataError, Knowledge

from .conftest import OpenLearner, bucket


def test_an_untrained_agent_stays_flat(open_learner: OpenLearner) -> None:
    learner = open_learner()
    assert learner.validate() == 0.0
    assert learner.evaluator.evaluate(learner.policy()).test[0].flat == 1.0


def test_a_leaked_return_is_learned_in_seconds(open_learner: OpenLearner, leaking: Bars) -> None:
    learner = open_learner(leaking, FEE=0.0, SLIPPAGE=0.0, UPDATES_PER_EPISODE=20)
    for _ in range(12):
        learner.run_episode()
    learner.keep_best()
    part = learner.market.part(learner.split.test)
    perfect = log_growth(part.returns.sign(), part.returns, part.decidable, learner.market.costs).sum()
    assert learner.evaluator.evaluate(learner.policy()).test[0].log_return > 0.9 * float(perfect)
    importance = learner.knowledge().feature_importance
    assert max(importance, key=lambda name: importance[name]) == "leak"


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_resumed_learner_goes_on_to_the_bit(open_learner: OpenLearner, precision: str) -> None:
    learner, resumed = open_learner(PRECISION=precision), open_learner(PRECISION=precision)
    for _ in range(3):
        learner.run_episode()
    learner.knowledge()
    state = learner.snapshot()
    json.dumps(dict(state.values))
    expected = [learner.run_episode() for _ in range(3)]
    resumed.restore(state)
    assert [resumed.run_episode() for _ in range(3)] == expected
    learner.keep_best()
    resumed.keep_best()
    assert torch.equal(learner.critic.online.flat, resumed.critic.online.flat)
    assert learner.evaluator.evaluate(learner.policy()) == resumed.evaluator.evaluate(resumed.policy())


@pytest.mark.parametrize(("precision", "rounding"), [("fp32", 1e-5), ("bf16", 0.02)])
@pytest.mark.parametrize("asked", [200, 8_000])
def test_a_bar_has_one_value_however_many_are_asked_for_at_once(
    open_learner: OpenLearner, asked: int, precision: str, rounding: float
) -> None:
    """The same as where it acts, which is in fp32: but for rounding, as a share of the largest value."""
    learner = open_learner(PRECISION=precision)
    learner.run_episode()
    critic, train = learner.critic, learner.split.train
    bars = torch.randint(train.start, train.stop + 1, (asked,))
    bars[-1] = train.stop
    assert (asked > train.stop + 1 - train.start) == (asked == 8_000)
    acting = critic.advantages(learner.market.features[bars])
    torch.testing.assert_close(critic.valued(bars), acting, rtol=0, atol=rounding * float(acting.abs().max()))


def test_the_seed_decides_everything(open_learner: OpenLearner) -> None:
    first, again, other = (open_learner(seed=seed).run_episode() for seed in (1, 1, 2))
    assert first == again
    assert first.loss != other.loss


def test_measuring_changes_nothing(open_learner: OpenLearner) -> None:
    learner, watched = open_learner(), open_learner()
    for one in (learner, watched):
        one.run_episode()
    watched.validate()
    watched.evaluator.evaluate(watched.policy())
    watched.model()
    assert learner.run_episode() == watched.run_episode()


def test_every_naturalistic_part_leaves_a_trace(open_learner: OpenLearner) -> None:
    learner = open_learner()
    report = [learner.run_episode() for _ in range(3)][-1]
    json.dumps(dict(report.traces))
    assert set(report.traces) == {"exploration", "lessons", "priorities", "recalls"}
    assert report.exploration > 0
    assert "of the bars seen before" in report.exploration_cause
    lesson = report.traces["lessons"]["shown"][0]
    assert lesson["bars_held"] > 0
    assert lesson["adverse"] <= 0 <= lesson["favourable"]
    assert lesson["cause"]
    assert -1 <= report.traces["recalls"]["shown"][0]["similarity"] <= 1.0001
    assert report.traces["priorities"]["highest"] > report.traces["priorities"]["mean"]


def test_every_naturalistic_part_has_a_switch(open_learner: OpenLearner) -> None:
    learner = open_learner(
        ADAPTIVE_EXPLORATION=False, PRIORITISED_REPLAY=False, POST_TRADE_LESSONS=False, CONTEXTUAL_MEMORY=False
    )
    first, later = (learner.run_episode() for _ in range(2))
    assert first.exploration == later.exploration == bucket().exploration
    assert later.exploration_cause == "fixed rate"
    assert set(later.traces) == {"exploration", "priorities"}
    assert later.traces["priorities"]["highest"] == later.traces["priorities"]["mean"]


def test_exploration_falls_as_the_market_becomes_known(open_learner: OpenLearner) -> None:
    learner = open_learner()
    rates = [learner.run_episode().exploration for _ in range(15)]
    assert rates[-1] < 0.5 * rates[0]


def test_knowledge_travels_by_name_and_shape(open_learner: OpenLearner) -> None:
    source, target = open_learner(), open_learner(seed=8, declared=bucket(horizons=(6, 48)))
    for _ in range(2):
        source.run_episode()
    known = source.knowledge()
    assert sum(known.feature_importance.values()) == pytest.approx(1)
    assert set(known.horizons) == {1, 6, 24}
    own = target.knowledge()
    adoption = target.adopt(evolve(own, weights=known.weights))
    assert "extractor.0.weight" in adoption.copied
    assert "horizon.6.weight" in adoption.copied
    assert "horizon.48.weight" in adoption.new
    assert "horizon.24.weight" in adoption.dropped
    assert torch.equal(target.critic.online.parameters["value.linear"], known.weights["value.linear"])


def test_weights_alone_leave_the_feature_prior_alone(open_learner: OpenLearner) -> None:
    learner = open_learner()
    learner.run_episode()
    before, prior = learner.validate(), learner.critic.online.prior.clone()
    learner.adopt(learner.knowledge())
    assert learner.validate() == before
    assert torch.equal(learner.critic.online.prior, prior)


def test_feature_importance_becomes_a_prior_on_the_gates(open_learner: OpenLearner) -> None:
    learner = open_learner()
    names = learner.market.names
    shares = {name: 0.8 if name == "volume" else 0.2 / (len(names) - 1) for name in names}
    learner.adopt(evolve(learner.knowledge(), feature_importance=shares))
    prior = dict(zip(names, learner.critic.online.prior.tolist(), strict=True))
    assert prior["volume"] == 1 > 0.5 > prior["range"] > 0


def test_a_model_brings_a_learner_back_to_its_score(open_learner: OpenLearner) -> None:
    learner, other = open_learner(), open_learner(seed=99)
    for _ in range(4):
        learner.run_episode()
    learner.keep_best()
    model = learner.model()
    json.dumps(dict(model.card))
    other.load(model)
    assert other.validate() == pytest.approx(learner.validate(), rel=1e-6)
    other.run_episode()


def test_a_position_never_pays_for_the_drift_of_the_training_part(open_learner: OpenLearner) -> None:
    learner = open_learner()
    inside = learner.critic.rewards[learner.split.train][learner.market.decidable[learner.split.train]]
    assert bool((inside.double().mean(dim=0) < 0).all())


def test_gaps_everywhere_are_refused(open_learner: OpenLearner, bars: Bars) -> None:
    broken = evolve(bars, segment=(bars.segment + (torch.arange(len(bars)) // 20).numpy()).astype("int32"))
    with pytest.raises(DataError, match="nothing can be traded"):
        open_learner(broken, declared=bucket(horizons=(6,)))


def test_horizons_that_no_gap_leaves_room_for_are_refused(open_learner: OpenLearner, bars: Bars) -> None:
    broken = evolve(bars, segment=(bars.segment + (torch.arange(len(bars)) // 60).numpy()).astype("int32"))
    with pytest.raises(DataError, match="have 100 bars behind them before a gap"):
        open_learner(broken, declared=bucket(horizons=(6, 100)))


def test_an_adopted_start_counts_as_a_candidate(open_learner: OpenLearner, leaking: Bars) -> None:
    """What arrives by transfer is kept if training never betters it."""
    teacher = open_learner(leaking, FEE=0.0, UPDATES_PER_EPISODE=20)
    for _ in range(8):
        teacher.run_episode()
    pupil = open_learner(leaking, seed=3, FEE=0.0, LEARNING_RATE=1e-9)
    pupil.adopt(Knowledge(origin="teacher", weights=teacher.knowledge().weights))
    start = pupil.validate()
    assert start > 0
    assert pupil.run_episode().best_score >= start


def test_weights_that_carry_a_graph_are_adopted_without_it(open_learner: OpenLearner) -> None:
    learner = open_learner()
    learner.run_episode()
    weights = {name: (tensor + 0.1).requires_grad_() for name, tensor in learner.knowledge().weights.items()}
    learner.adopt(Knowledge(origin="teacher", weights=weights))
    learner.run_episode()
    assert not any(tensor.requires_grad for tensor in learner.snapshot().tensors.values())


def test_what_is_adopted_does_what_it_did(open_learner: OpenLearner, leaking: Bars) -> None:
    """The prior that training gave the features travels inside the gates, so the copy scores what the original did."""
    teacher, pupil = (open_learner(leaking, seed=seed, FEE=0.0) for seed in (1, 2))
    for _ in range(5):
        teacher.run_episode()
        pupil.run_episode()
    assert teacher.critic.target.prior.min() < 0.9
    pupil.adopt(Knowledge(origin="teacher", weights=teacher.knowledge().weights))
    assert pupil.validate() == pytest.approx(teacher.validate(), rel=1e-3)


def test_staying_on_one_side_proves_nothing_however_the_bars_drift(open_learner: OpenLearner) -> None:
    learner = open_learner()
    weights = {name: torch.zeros_like(tensor) for name, tensor in learner.knowledge().weights.items()}
    assert set(learner.validation_blocks()) == {0.0}  # flat, and sure of it
    for side in (0, 1):
        weights["value.bias"] = torch.zeros_like(weights["value.bias"])
        weights["value.bias"][..., side] = 100.0
        learner.adopt(Knowledge(origin="teacher", weights=weights))
        assert learner.validate() != 0.0
        assert learner.validation_blocks() == ()
