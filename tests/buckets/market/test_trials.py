"""Trials of a search: half of validation stands for all of it, the other half is held back, and no test bar is read."""

import json
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from attrs import evolve

from progressive_buckets.insight.importance import horizon_skill
from progressive_buckets.learner.opening import learner_of
from progressive_buckets.naturalistic.recall import shown_bars
from progressive_market.bars import synthetic_bars
from progressive_market.bucket_market import configured_market, open_bucket_market
from progressive_market.judging.baselines import Ridge
from progressive_market.judging.excerpt import STRETCHES, half_of
from progressive_market.judging.verdict import TRIAL
from progressive_market.market import Market, Part
from progressive_market.serving.saved_market import MarketCard, market_card
from progressive_market.serving.served_model import ServedModel
from progressive_market.split import Split
from progressive_training import (
    BucketInfo,
    Fold,
    ModelError,
    Resources,
    installed_bucket,
    load_model,
    resolve,
    validated,
)
from progressive_training import ProgressiveTrainer as Trainer
from progressive_training.presentation import summary

BARS, HORIZONS = 4_000, (1, 24)
RESOURCES = Resources(device="cpu", parallel_episodes=4, batch_size=32)
MEDIUM = installed_bucket("Medium")


def info_for(file: Path | None = None, **settings: object) -> BucketInfo:
    chosen = {"SYNTHETIC_BARS": BARS, "SEED": 3, "DEVICE": "cpu", "UPDATES_PER_EPISODE": 2, **settings}
    return BucketInfo(
        name="Medium",
        horizons=HORIZONS,
        sequence=("Medium",),
        episodes=2,
        seed=1,
        run_dir=Path(),
        settings=resolve(None, chosen | ({"DATA": str(file)} if file else {})),
    )


def planned(info: BucketInfo) -> Fold:
    (fold,) = MEDIUM.plan_trials(info.settings, {"Medium": HORIZONS}, None)
    return fold


def with_gap(file: Path) -> Path:
    bars = synthetic_bars(BARS, 3)
    columns = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    table = pd.DataFrame({"time": pd.to_datetime(bars.time, utc=True), **columns})
    table.drop(index=range(1_000, 1_037)).to_parquet(file)
    return file


@pytest.mark.parametrize(
    ("asked", "from_file"),
    [
        ({}, False),
        ({"FREQUENCY": "2h", "HORIZON_RANGE": [1, 12]}, True),
        ({"TEST_SHARE": 0.3, "REGIMES": "quantile"}, True),
    ],
)
def test_a_trial_has_the_bars_of_the_configured_parts(
    asked: dict[str, object], from_file: bool, tmp_path: Path
) -> None:
    file = with_gap(tmp_path / "bars") if from_file else None
    whole, split, _ = open_bucket_market(info := info_for(file, **asked), RESOURCES)
    fold = planned(info)
    market, trial, _ = open_bucket_market(info_for(file, **asked, **fold.settings), RESOURCES)
    assert (trial.train, trial.validation) == (split.train, split.validation)
    assert len(market.returns) == split.test.start
    for part in (split.train, split.validation):
        assert torch.equal(market.features[part], whole.features[part])
        assert torch.equal(market.returns[part], whole.returns[part])
        assert torch.equal(market.decidable[part], whole.decidable[part])
    times = [
        str(np.datetime64(int(whole.times[bar]), "ns").astype("<M8[s]")) + "Z"
        for bar in (split.train.start, split.test.start)
    ]
    assert [fold.train_from, fold.test_from] == times
    assert planned(info_for(file, **asked, **fold.settings)).settings == fold.settings


def altered(market: Market, split: Split) -> Market:
    """The market with all that it holds of held-back bars scrambled."""
    held_back = half_of(market.part(split.validation), held_back=True).bars
    drawn = torch.randperm(len(held_back), generator=torch.Generator().manual_seed(0))
    changed = {}
    for name in ("features", "returns", "decidable", "log_open", "volatility", "regimes"):
        if (values := getattr(market, name)) is not None:
            changed[name] = values.clone()
            other = values[held_back[drawn]]
            changed[name][held_back] = ~other if values.dtype == torch.bool else -other
    return evolve(market, **changed, measured={})


@pytest.mark.parametrize("asked", [{}, {"REGIMES": "quantile"}])
def test_nothing_that_is_held_back_is_learned_from_or_scored(asked: dict[str, object]) -> None:
    info = info_for(EVIDENCE="half", **asked)
    market, split = configured_market(info, RESOURCES)
    assert len(half_of(market.part(split.validation), held_back=True)) > 200
    left = []
    for each in (market, altered(market, split)):
        learner = learner_of(MEDIUM, info, RESOURCES, each, split)
        reports = [learner.run_episode() for _ in range(2)]
        learner.keep_best()
        later = learner.validate_after(learner.evaluator.validation.dates[0])
        known, model = learner.knowledge(), learner.model()
        assert not learner.evaluator.evaluate(learner.policy()).test
        left.append(
            (reports, later, learner.validation_blocks(), known.horizons, known.feature_importance, known.t, model)
        )
    *one, model = left[0]
    *other, other_model = left[1]
    assert repr(one) == repr(other)
    assert model.card == other_model.card
    assert model.card["verdict"] == TRIAL
    assert all(torch.equal(tensor, other_model.tensors[name]) for name, tensor in model.tensors.items())


def test_what_is_foreseen_is_compared_with_outcomes_inside_the_half_alone() -> None:
    market, split = configured_market(info_for(), RESOURCES)
    horizons = torch.tensor(HORIZONS)
    outcomes, _ = market.outcomes(torch.arange(len(market.returns)), horizons)
    foresight = SimpleNamespace(predictions=lambda rows: rows, shape=SimpleNamespace(horizons=HORIZONS))
    half = half_of(market.part(split.validation))
    half = evolve(half, features=outcomes.T[half.bars])
    skill = horizon_skill(foresight, market, horizons, half)  # type: ignore[arg-type]
    assert min(skill.values()) == pytest.approx(1.0)
    assert horizon_skill(foresight, altered(market, split), horizons, half) == skill  # type: ignore[arg-type]
    assert set(shown_bars(half).tolist()) <= set(half.bars.tolist())


def test_the_halves_of_validation_share_no_bar_and_no_return() -> None:
    market, split, evaluator = open_bucket_market(info_for(EVIDENCE="half"), RESOURCES)
    part = market.part(split.validation)
    choosing, held_back = half_of(part), half_of(part, held_back=True)
    assert torch.equal(evaluator.validation.bars, choosing.bars)
    assert torch.equal(torch.cat([choosing.bars, held_back.bars]).sort().values, part.bars)
    for half in (choosing, held_back):
        ends = torch.nonzero(half.bars.diff() > 1).flatten()
        assert len(ends) == STRETCHES // 2 - 1
        assert not half.decidable[ends].any()
        assert not market.hold(half)[ends].any()


def test_a_trial_is_trained_without_test_bars_and_measured_on_both_halves(tmp_path: Path) -> None:
    written = synthetic_bars(BARS, 3)
    columns = {name: getattr(written, name) for name in ("open", "high", "low", "close", "volume")}
    table = pd.DataFrame({"time": pd.to_datetime(written.time, utc=True), **columns})
    other, test_from = table.copy(), int(BARS * 0.75)
    other.loc[test_from:, ["open", "high", "low", "close"]] *= 1.5
    asked = {"EPISODES": 2, "PARALLEL_EPISODES": 4, "UPDATES_PER_EPISODE": 4, "HORIZON_RANGE": [1, 24], "DEVICE": "cpu"}
    asked |= {
        "SEQUENCE": ["Medium"],
        "FEE": 0.0,
        "RELUCTANCE": 0.0,
        "EVIDENCE": "half",
        "CACHE_DIR": str(tmp_path / "cache"),
    }
    made = []
    for name, bars in (("one", table), ("other", other)):
        bars.to_parquet(tmp_path / name)
        settings = resolve(None, {**asked, "DATA": str(tmp_path / name)})
        (fold,) = MEDIUM.plan_trials(settings, {"Medium": HORIZONS}, None)
        trainer = Trainer(
            settings={**asked, "DATA": str(tmp_path / name), **fold.settings},
            run_dir=tmp_path / f"run-{name}",
            plugins=["no:report"],
        )
        path = trainer.train_progressively()["Medium"]
        evaluation = trainer.results["Medium"].evaluation
        assert evaluation is not None
        assert (evaluation.validation, evaluation.test, summary(evaluation)) == ((), (), "a trial: no verdict")
        model = load_model(path)
        score = json.loads(path.with_name("card.json").read_text())["validation_score"]
        made.append((path.read_bytes(), MEDIUM.halves([model], [fold], settings)))
        assert sum(made[-1][1].choosing) == pytest.approx(score, abs=1e-12)
        assert len(made[-1][1].choosing) == len(made[-1][1].held_back) == 32
    assert made[0] == made[1]
    assert any(made[0][1].held_back)

    resumed = Trainer(run_dir=tmp_path / "run-one", plugins=["no:report"])
    assert resumed.resume({"SEQUENCE": ["Medium", "Long"], "EPISODES": {"Medium": 2, "Long": 1}}).keys() == {
        "Medium",
        "Long",
    }
    lines = (tmp_path / "run-one/ledger.jsonl").read_text().splitlines()
    (back,) = [line for line in map(json.loads, lines) if line["phase"] == "reverse"]
    assert (back["source"], back["target"]) == ("Long", "Medium")
    assert back["reason"] != "the verdict on its model is made"
    assert all(not result.evaluation.test for result in resumed.results.values())
    versions = [path.read_bytes() for path in sorted((tmp_path / "run-one/models").rglob("*.safetensors"))]
    resumed.resume()
    assert versions == [path.read_bytes() for path in sorted((tmp_path / "run-one/models").rglob("*.safetensors"))]
    with pytest.raises(ModelError, match="no model of the market"):
        MEDIUM.halves([object()], [fold], settings)


class AlwaysLong(ServedModel[MarketCard]):
    """Long whenever it may."""

    def __init__(self, card: MarketCard) -> None:
        self.card = card

    def follow_strategy(self, part: Part, market: Market, start: int = 0) -> torch.Tensor:
        return torch.ones_like(part.returns) * part.decidable

    def ridge(self) -> Ridge:
        return Ridge(torch.zeros(len(self.card.scaler.mean), dtype=torch.float64))


def test_each_stretch_of_a_half_is_one_trade_as_a_broker_counts_it() -> None:
    info = info_for(FEE=0.002, SLIPPAGE=0.0)
    fold = planned(info)
    market, split, _ = open_bucket_market(info, RESOURCES)
    known = {"bucket": "Swing", "trades": "nowhere", "verdict": "", "horizons": list(HORIZONS)}
    card = validated({**market_card(market, split, info.settings), **known}, MarketCard)
    found = MEDIUM.halves([AlwaysLong(card)], [fold], info.settings)
    opens, start = synthetic_bars(BARS, 3).open, split.validation.start
    count = split.validation.stop - start
    borders = [start + math.ceil(place * count / STRETCHES) for place in range(STRETCHES + 1)]
    for first, blocks in enumerate((found.choosing, found.held_back)):
        trades = zip(borders[first::2], borders[first + 1 :: 2], strict=False)
        # bought at the open behind the stretch's first bar, and sold at that behind its last one
        earned = sum(math.log(opens[end] / opens[begin + 1]) + 2 * math.log(1 - 0.002) for begin, end in trades)
        assert sum(blocks) == pytest.approx(earned, abs=1e-12)
    with pytest.raises(ModelError, match="its card has no horizons"):
        MEDIUM.halves([AlwaysLong(evolve(card, horizons=()))], [fold], info.settings)


def test_where_validation_chose_the_settings_the_verdict_counts_the_test_part_alone() -> None:
    found = []
    for counted in ("all", "test"):
        _, _, evaluator = open_bucket_market(info_for(EVIDENCE=counted, REGIMES="quantile"), RESOURCES)
        policy = lambda part: torch.where(part.features[:, 0] > 0, 1.0, -1.0)  # noqa: E731
        evaluator.consider(policy)
        judged = evaluator.evaluate(policy)
        found.append((judged, evaluator.card(policy)))
    (pooled, card), (alone, own_card) = found
    assert math.isfinite(pooled.validation_t)
    assert math.isnan(alone.validation_t)
    assert alone.t == alone.test_t == pooled.test_t
    assert "on test bars alone, since validation chose its settings" in alone.verdict
    assert all(math.isnan(each.validation_t) and each.t == each.test_t for each in alone.regimes)
    assert (alone.validation, len(alone.regimes)) == (pooled.validation, 2)
    assert own_card["validation_t"] == card["validation_t"]  # what it may teach by
    assert (card.get("evidence"), own_card["evidence"]) == (None, "test")
