"""A policy that holds one action while others pay is told, and teaches nobody; one that is rightly flat is left alone."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from attrs import evolve
from structlog.testing import capture_logs

from progressive_app.config.resolve import defaults
from progressive_buckets.learner.learner import MarketLearner
from progressive_buckets.learner.opening import learner_on
from progressive_market.bars import Bars, synthetic_bars
from progressive_training import BucketInfo, MarketBucket, ProgressiveTrainer, Resources

SMALL = {"UPDATES_PER_EPISODE": 2, "EPISODE_BARS": 32, "REPLAY_CAPACITY": 2000, "PARALLEL_EPISODES": 8, "DEVICE": "cpu"}


class StuckBucket(MarketBucket):
    """Its learner sees so great an advantage in one side that it always takes it."""

    def open(self, bucket: BucketInfo, resources: Resources) -> MarketLearner:
        learner = super().open(bucket, resources)
        assert isinstance(learner, MarketLearner)
        return stuck(learner, long=1e3, short=-1e3)


def stuck(learner: MarketLearner, long: float, short: float) -> MarketLearner:
    for network in (learner.critic.online, learner.critic.target):
        network.parameters["value.bias"].data.copy_(torch.tensor([long, short]))
    return learner


@pytest.fixture(scope="module")
def paying() -> Bars:
    """A column hints at the next fill's return: ridge regression earns from it, in spite of the costs."""
    made = synthetic_bars(6000, seed=3)
    hint = np.zeros(len(made))
    hint[:-2] = made.open[2:] / made.open[1:-1] - 1
    noise = hint.std() * np.random.default_rng(0).standard_normal(len(made))
    return evolve(made, extra={"hint": hint + noise})


def walk(seed: int) -> Bars:
    """A driftless random walk."""
    made = synthetic_bars(6000, seed=seed)
    close = np.exp(np.cumsum(0.006 * np.random.default_rng(seed).standard_normal(len(made))))
    opens = np.concatenate([close[:1], close[:-1]])
    return evolve(made, open=opens, close=close, high=np.maximum(opens, close), low=np.minimum(opens, close))


def opened(bars: Bars) -> MarketLearner:
    bucket = MarketBucket(name="Swing", horizons=(1, 6, 24), width=32)
    info = BucketInfo(
        name=bucket.name,
        horizons=bucket.horizons,
        sequence=(bucket.name,),
        episodes=2,
        seed=1,
        run_dir=Path(),
        settings={**defaults(), **SMALL},
    )
    return learner_on(bars, bucket, info, Resources(device="cpu", parallel_episodes=8, batch_size=64))


@pytest.mark.parametrize(("sides", "action"), [((9e3, -9e3), "long"), ((-9e3, 9e3), "short"), ((-9e3, -9e3), "flat")])
def test_one_action_while_others_pay_is_told_and_not_to_be_learned_from(
    paying: Bars, sides: tuple[float, float], action: str
) -> None:
    learner = stuck(opened(paying), *sides)
    evaluation, told = (
        learner.evaluator.evaluate(learner.policy()),
        f"degenerate policy, {action} on 100 % of the validation bars",
    )
    assert evaluation.verdict.endswith("; degenerate policy")
    assert evaluation.warnings[0].startswith(told)
    assert "ridge regression with a no-trade band earned" in evaluation.warnings[0]
    assert learner.knowledge().distrust.startswith(told)


@pytest.mark.parametrize("seed", range(4))
def test_staying_flat_on_a_random_walk_is_no_fault(seed: int) -> None:
    learner = opened(walk(seed))
    evaluation = learner.evaluator.evaluate(learner.policy())
    assert evaluation.trades == "nowhere"
    assert "degenerate" not in evaluation.verdict
    assert learner.knowledge().distrust == ""


def test_a_policy_that_acts_is_not_degenerate_however_little_it_earns(paying: Bars) -> None:
    learner = opened(paying)
    linear, network = learner.critic.target.parameters["value.linear"], learner.critic.target
    linear.normal_(0.0, 10.0, generator=torch.Generator().manual_seed(0))
    linear.view(linear.shape[0], -1, network.shape.scales, 2)[:, learner.market.names.index("hint")] = 0.0
    row = learner.evaluator.evaluate(learner.policy()).validation[0]
    assert max(row.long, row.flat, row.short) < 0.98
    assert row.log_return < 0
    assert learner.knowledge().distrust == ""


def test_a_stuck_bucket_teaches_nobody_in_a_run(paying: Bars, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("progressive_buckets.short.bucket", StuckBucket(name="Short", horizons=(1, 6)))
    prices = {name: getattr(paying, name) for name in ("open", "high", "low", "close", "volume")}
    frame = pd.DataFrame({"time": pd.to_datetime(paying.time, utc=True), **prices, **paying.extra})
    frame.to_parquet(tmp_path / "bars.parquet")
    asked: dict[str, Any] = {
        "DATA": str(tmp_path / "bars.parquet"),
        "ALLOW_LEAK": ("hint",),
        "HORIZON_RANGE": (1, 24),
        "SEQUENCE": ("Scalping", "Short", "Medium"),
        "EPISODES": 2,
        "TRANSFER_COOLDOWN": 1,
    }
    run = tmp_path / "run"
    trainer = ProgressiveTrainer(settings={**defaults(), **SMALL, **asked}, run_dir=run, plugins=("no:report",))
    with capture_logs() as logged:
        trainer.train_progressively()

    ledger = [json.loads(line) for line in (run / "ledger.jsonl").read_text().splitlines()]
    stuck_ones = [entry for entry in ledger if entry["source"] == "Short"]
    assert {entry["phase"] for entry in stuck_ones} == {"initial", "periodic", "reverse"}
    assert {entry["verdict"] for entry in stuck_ones} == {"skipped"}
    told = "Short must not teach: degenerate policy, long on 100 % of the validation bars"
    assert all(entry["reason"].startswith(told) for entry in stuck_ones)
    assert any(told in str(entry) for entry in logged if entry["log_level"] == "warning")
    card = json.loads((run / "models/Short/card.json").read_text())
    assert card["knowledge"]["distrust"].startswith("degenerate policy, long")
    result = next(each for each in json.loads((run / "state.json").read_text())["results"] if each["bucket"] == "Short")
    assert result["evaluation"]["verdict"].endswith("; degenerate policy")
