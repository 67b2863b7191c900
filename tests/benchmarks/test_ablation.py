"""The comparison of parts runs, what it replaces does what it says, and its marks are not lightly given."""

import math
from importlib import import_module
from types import ModuleType

import pytest
import torch

from progressive_app.config.resolve import defaults
from progressive_buckets.learner.learner import MarketLearner
from progressive_buckets.learner.opening import learner_on
from progressive_market.bars import synthetic_bars
from progressive_training import MarketBucket

TINY = {
    "UPDATES_PER_EPISODE": 5,
    "EPISODE_BARS": 32,
    "BATCH_SIZE": 64,
    "PARALLEL_EPISODES": 16,
    "PRECISION": "fp32",
    "FEE": 0.0,
    "SLIPPAGE": 0.0,
}


@pytest.fixture
def ablation() -> ModuleType:
    return import_module("ablation")


@pytest.fixture
def parts() -> ModuleType:
    return import_module("ablation_parts")


@pytest.fixture
def learner() -> MarketLearner:
    """A learner after two episodes, so that it values something."""
    learnability = import_module("learnability")
    bucket, settings = MarketBucket(name="Swing", horizons=(1, 6), width=16), {**defaults(), **TINY}
    info, resources = learnability.alone(bucket, 3, settings), learnability.all_resources(settings)
    made: MarketLearner = learner_on(synthetic_bars(4000, seed=5), bucket, info, resources)
    for _ in range(2):
        made.run_episode()
    return made


def test_every_variant_trains_and_has_its_line(ablation: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--quick", "--seeds", "1", "--processes", "1", "--cases", "easy", "--buckets", "Scalping"]
    assert ablation.main(asked) == 0
    table = capsys.readouterr().out.split("What each part is worth")[1]
    for variant in ablation.variants():
        assert variant.name in table


def test_an_unknown_variant_is_refused_by_name(ablation: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        ablation.main(["--variants", "no luck"])
    assert "unknown variant no luck; known are default; only the action taken" in capsys.readouterr().err


def test_a_mark_needs_more_than_the_spread_over_seeds(ablation: ModuleType) -> None:
    steady = {0: 4.0, 1: 5.0, 2: 6.0, 3: 5.5, 4: 4.5}
    assert "helps" in ablation.mark([steady])
    assert "hurts" in ablation.mark([{seed: -points for seed, points in steady.items()}])
    assert ablation.mark([{0: 9.0, 1: -2.0, 2: 6.0, 3: -1.0, 4: 2.0}]) == "neutral"
    assert ablation.mark([dict.fromkeys(range(5), 0.0)]) == "neutral"
    assert ablation.mark([{0: 50.0}]) == "one seed"


def test_acting_on_every_bar_is_the_default(parts: ModuleType, learner: MarketLearner) -> None:
    part, bars = learner.evaluator.validation, torch.arange(100, 1500)
    targets, positions = learner.critic.targets(bars), learner.policy()(part)
    parts.act_every(1, learner)
    assert torch.allclose(learner.critic.targets(bars), targets, atol=1e-5)
    assert torch.equal(learner.policy()(part), positions)
    assert positions.unique().numel() > 1


def test_a_longer_interval_holds_in_between(parts: ModuleType, learner: MarketLearner) -> None:
    part = learner.evaluator.validation
    parts.act_every(6, learner)
    changes = torch.nonzero(torch.diff(learner.policy()(part))).flatten() + 1
    chosen = changes[part.decidable[changes] & part.decidable[changes - 1]]  # the others were forced by a gap
    assert len(chosen)
    assert bool((chosen % 6 == 0).all())


def test_what_was_not_done_teaches_nothing(parts: ModuleType, learner: MarketLearner) -> None:
    """Where the agent was long only the value of long has another target than what the network says already."""
    critic = learner.critic
    everything, bars = critic.targets, torch.arange(100, 1500)
    parts.only_the_action_taken(learner)
    learner.run_episode()
    own = critic.online.advantages(learner.market.features[bars])
    wanted, known = critic.targets(bars), everything(bars)
    taught = wanted != own
    assert torch.equal(wanted[taught], known[taught])
    assert 0 < taught.float().mean() < 0.5
    assert not bool((taught[:, 0] & taught[:, 1]).any())


def test_the_linear_path_stays_shut(parts: ModuleType, learner: MarketLearner) -> None:
    assert bool(learner.critic.online.parameters["value.linear"].any())
    parts.no_linear_path(learner)
    learner.run_episode()
    assert not bool(learner.critic.online.parameters["value.linear"].any())
    assert math.isfinite(learner.validate())
