"""A trained model on a frame of bars: one call, matched by column names, with no trainer."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from progressive_app.config.resolve import defaults
from progressive_buckets.learner.opening import learner_on
from progressive_market.bars import Bars, load_bars, synthetic_bars
from progressive_market.policy import positions_of
from progressive_training import BucketInfo, DataError, MarketBucket, Model, ModelError, Resources, load_model


def frame_of(bars: Bars) -> pd.DataFrame:
    prices = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    return pd.DataFrame({"time": pd.to_datetime(bars.time, utc=True), **prices, **bars.extra})


@pytest.fixture(scope="module")
def bars() -> Bars:
    """A market whose column `next_move` tells the next fill's return, so that a model is sure of something."""
    made = synthetic_bars(4000, seed=2)
    told = np.zeros(len(made))
    told[:-2] = made.open[2:] / made.open[1:-1] - 1
    return evolve(made, extra={"next_move": told, "noise": np.random.default_rng(0).standard_normal(len(made))})


@pytest.fixture(scope="module")
def model(bars: Bars) -> Model:
    torch.set_num_threads(1)
    bucket = MarketBucket(name="Swing", horizons=(1, 6, 24), width=32)
    asked = {
        **defaults(),
        "FEE": 0.0005,
        "SLIPPAGE": 0.0,
        "EPISODE_BARS": 32,
        "UPDATES_PER_EPISODE": 20,
        "ALLOW_LEAK": ("next_move",),
    }
    info = BucketInfo(
        name="Swing",
        horizons=bucket.horizons,
        sequence=("Swing",),
        episodes=8,
        seed=1,
        run_dir=Path(),
        settings=asked,
    )
    learner = learner_on(bars, bucket, info, Resources(device="cpu", parallel_episodes=16, batch_size=256))
    for _ in range(8):
        learner.run_episode()
    learner.keep_best()
    learner.evaluator.evaluate(learner.policy())
    return learner.model()


@pytest.fixture(scope="module")
def model_dir(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("Swing")
    save_file(dict(model.tensors), folder / "model.safetensors", metadata={"card": json.dumps(dict(model.card))})
    return folder


def test_one_call_decides_on_the_last_bar(model_dir: Path, bars: Bars) -> None:
    told = bars.extra["next_move"].copy()
    for move, action in ((0.03, "long"), (-0.03, "short")):
        told[-1] = move
        decision = load_model(model_dir)(frame_of(evolve(bars, extra={**bars.extra, "next_move": told})))
        assert decision.action == action
        assert max(decision.values, key=lambda name: decision.values[name]) == action
        assert decision.values["flat"] == 0.0
        assert set(decision.predictions) == {1, 6, 24}
        assert decision.time == bars.time[-1]


def test_what_is_held_changes_what_is_worth_doing(model_dir: Path, bars: Bars) -> None:
    model = load_model(model_dir / "model.safetensors")
    flat, long = (model(frame_of(bars), position=held) for held in ("flat", "long"))
    assert long.values["long"] - flat.values["long"] == pytest.approx(0.0005, rel=0.01)
    assert long.values["flat"] - flat.values["flat"] == pytest.approx(-0.0005, rel=0.01)


def test_a_model_that_may_not_trade_stays_flat_and_says_why_unless_it_is_overruled_by_name(
    model: Model, bars: Bars, tmp_path: Path
) -> None:
    assert model.card["trades"] == "everywhere"
    frame = frame_of(bars)
    free = load_model(save(model, tmp_path / "free"))(frame)
    assert free.reason == f"trades: {model.card['verdict']}"
    kept = {**model.card, "bucket": "Swing", "trades": "nowhere", "verdict": "no edge shown (t = 1.2)"}
    held = save(evolve(model, card=kept), tmp_path / "held")
    answer = load_model(held)(frame)
    assert (answer.action, answer.reason) == ("flat", "stays flat: no edge shown (t = 1.2)")
    assert answer.values == free.values
    answer = load_model(held, overrule="Swing")(frame)
    assert answer.action == free.action
    assert answer.reason == "trades, since its user overrules the verdict: no edge shown (t = 1.2)"
    assert load_model(held)(frame).action == "flat", "only the model that was asked for trades"
    with pytest.raises(ModelError, match=r"overrule='Short' names another bucket; this is the model of 'Swing'"):
        load_model(held, overrule="Short")


def test_columns_are_matched_by_name(model_dir: Path, bars: Bars) -> None:
    model, frame = load_model(model_dir), frame_of(bars)
    shuffled = frame[["noise", "close", "next_move", "low", "time", "volume", "high", "open"]]
    assert model(shuffled) == model(frame)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.drop(columns="noise"), "missing noise"),
        (lambda frame: frame.assign(mood=np.sin(np.arange(len(frame)))), "unknown mood"),
        (lambda frame: frame.rename(columns={"noise": "nois"}), "missing noise; unknown nois"),
        (lambda frame: frame.iloc[::2], "trained on bars of 3600 seconds, got bars of 7200 seconds"),
    ],
)
def test_bars_that_do_not_fit_are_refused_by_name(model_dir: Path, bars: Bars, change, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ModelError, match=message):
        load_model(model_dir)(change(frame_of(bars)))


def test_performance_comes_with_its_baselines(model_dir: Path, bars: Bars) -> None:
    rows = load_model(model_dir).performance(load_bars(frame_of(bars)))
    assert [row.strategy for row in rows] == [
        "Swing",
        "flat",
        "buy and hold",
        "breakout 33/17 days",
        "ridge with no-trade band",
        "same positions shifted",
    ]
    assert rows[0].log_return > rows[5].log_return
    assert rows[1].log_return == 0


def test_no_model_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model there"):
        load_model(tmp_path / "absent")
    (tmp_path / "model.safetensors").write_bytes(b"not a model")
    with pytest.raises(ModelError, match="not a file that this program wrote"):
        load_model(tmp_path)


def test_a_model_is_used_without_a_trainer(model_dir: Path, bars: Bars, tmp_path: Path) -> None:
    frame_of(bars).to_parquet(tmp_path / "bars.parquet")
    code = f"""
import sys
import pandas
from progressive_training import load_model
print(load_model({str(model_dir)!r})(pandas.read_parquet({str(tmp_path / "bars.parquet")!r})).action)
loaded = [name for name in sys.modules if name.startswith(("progressive_front.trainer", "progressive_plugins", "pluggy._m"))]
assert "progressive_front.trainer" not in loaded and not any("plugins" in name for name in loaded), loaded
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in ("long", "flat", "short")


def save(model: Model, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    save_file(dict(model.tensors), folder / "model.safetensors", metadata={"card": json.dumps(model.card)})
    return folder


KEYS = (
    "features",
    "scales",
    "horizons",
    "width",
    "members",
    "scaler",
    "costs",
    "unit",
    "recall_weight",
    "trades",
    "importance",
)
WRONG: tuple[object, ...] = (None, [], {}, "x", -1, [1, "a"])


@given(key=st.sampled_from(KEYS), wrong=st.sampled_from(WRONG))
@settings(max_examples=60, deadline=None)
def test_a_damaged_card_is_one_clear_line(
    model: Model, tmp_path_factory: pytest.TempPathFactory, key: str, wrong: object
) -> None:
    folder = save(evolve(model, card={**model.card, key: wrong}), tmp_path_factory.mktemp("damaged"))
    if not (wrong == -1 and key in ("unit", "recall_weight")):
        with pytest.raises(ModelError, match=r"model\.safetensors"):
            load_model(folder)
    without = {name: value for name, value in model.card.items() if name != key}
    with pytest.raises(ModelError, match="card is damaged"):
        load_model(save(evolve(model, card=without), folder))


@pytest.mark.parametrize("name", ["gates.weight", "value.weight", "memory.followed", "baseline.ridge"])
def test_tensors_that_do_not_fit_are_refused(model: Model, tmp_path: Path, name: str) -> None:
    for wrong in (torch.zeros(1), model.tensors[name] * float("nan"), None):
        tensors = {**model.tensors, name: wrong} if wrong is not None else dict(model.tensors)
        if wrong is None:
            del tensors[name]
        with pytest.raises(ModelError, match="do not fit its card"):
            load_model(save(evolve(model, tensors=tensors), tmp_path / "broken"))


def test_a_call_decides_as_the_evaluated_policy_does(model: Model, bars: Bars, tmp_path: Path) -> None:
    patient = load_model(save(evolve(model, card={**model.card, "reluctance": 0.5}), tmp_path / "p"))
    tail = bars.between(3000, 3080)
    market = patient.market(tail)
    held = positions_of(patient._advantages(market.features), market.decidable, patient._costs(market))
    position = "flat"
    for last in range(30, 75):
        position = patient(frame_of(tail.between(0, last + 1)), position=position).action
        assert {"flat": 0, "long": 1, "short": -1}[position] == held[last]


def test_too_little_history_or_no_last_bar_is_told(model_dir: Path, bars: Bars) -> None:
    model = load_model(model_dir)
    frame = frame_of(bars)
    with pytest.raises(ModelError, match="bars"):
        model(frame.head(5))
    frame.loc[frame.index[-1], "close"] = np.nan
    with pytest.raises(ModelError, match="newest row"):
        model(frame)
    with pytest.raises(DataError, match="DataFrame"):
        model(7)
    with pytest.raises(ModelError, match="position is 0"):
        model(frame, position=0)


def test_a_model_takes_bars_from_what_python_users_hold(model_dir: Path, bars: Bars) -> None:
    model, frame = load_model(model_dir), frame_of(bars)
    answer = model(frame)
    assert model(pa.table(frame)) == model(frame.to_dict("records")) == answer


def test_nothing_is_decided_right_after_a_gap(model_dir: Path, bars: Bars) -> None:
    segment = np.zeros(len(bars), dtype=np.int32)
    frame = frame_of(evolve(bars, segment=segment)).drop(index=range(len(bars) - 110, len(bars) - 10))
    assert load_model(model_dir)(frame).action == "flat"
