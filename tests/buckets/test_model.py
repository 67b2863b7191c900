"""A trained model on a frame of bars: one call, matched by column names, with no trainer."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

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
from progressive_buckets.model import TradingModel
from progressive_market.bars import Bars, load_bars, synthetic_bars
from progressive_market.policy import positions_of
from progressive_training import BucketInfo, DataError, MarketBucket, Model, ModelError, Resources, load_model

PRICES = ("open", "high", "low", "close")


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
        decision = load_model(model_dir)(frame_of(evolve(bars, extra={**bars.extra, "next_move": told})), "flat")
        assert decision.action == action
        assert max(decision.values, key=lambda name: decision.values[name]) == action
        assert decision.values["flat"] == 0.0
        assert set(decision.predictions) == {1, 6, 24}
        assert decision.time == pd.Timestamp(bars.time[-1], tz="UTC")
        assert (decision.reason, decision.warnings) == (None, ())


def test_what_is_held_changes_what_is_worth_doing(model_dir: Path, bars: Bars) -> None:
    model = load_model(model_dir / "model.safetensors")
    flat, long = (model(frame_of(bars), position=held) for held in ("flat", "long"))
    assert long.values["long"] - flat.values["long"] == pytest.approx(0.0005, rel=0.01)
    assert long.values["flat"] - flat.values["flat"] == pytest.approx(-0.0005, rel=0.01)


def test_a_model_that_may_not_trade_stays_flat_and_says_why_unless_its_strategy_is_asked_for(
    model: Model, bars: Bars, tmp_path: Path
) -> None:
    assert model.card["trades"] == "everywhere"
    frame = frame_of(bars)
    free = load_model(save(model, tmp_path / "free"))
    kept = {**model.card, "bucket": "Swing", "trades": "nowhere", "verdict": "no edge shown (t = 1.2)"}
    held = save(evolve(model, card=kept), tmp_path / "held")
    answer = load_model(held)(frame, "long")
    assert (answer.action, answer.reason) == ("flat", "no edge shown")
    assert answer.values == free(frame, "long").values
    assert load_model(held).performance(frame)[0].trades == 0
    strategy = load_model(held, policy="strategy")
    answer = strategy(frame, "long")
    assert (answer.action, answer.reason) == (free(frame, "long").action, "no edge shown")
    assert strategy.performance(frame) == free.performance(frame)
    assert load_model(held)(frame, "long").action == "flat", "only the model that was asked for trades"
    assert "stays flat: no edge shown" in repr(load_model(held)) and "all the same" in repr(strategy)
    assert "trades>" in repr(free)
    with pytest.raises(ModelError, match="policy is 'Swing', expected 'verdict' or 'strategy'"):
        load_model(held, policy="Swing")


def test_columns_are_matched_by_name(model_dir: Path, bars: Bars) -> None:
    model, frame = load_model(model_dir), frame_of(bars)
    shuffled = frame[["noise", "close", "next_move", "low", "time", "volume", "high", "open"]]
    assert model(shuffled, "flat") == model(frame, "flat")
    further = frame.assign(mood=np.sin(np.arange(len(frame))), constant=7)
    assert model(further, "flat") == model(frame, "flat"), "what it was not trained with is left out"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.drop(columns="noise"), "lacks the columns noise"),
        (lambda frame: frame.rename(columns={"noise": "nois"}), "lacks the columns noise"),
        (lambda frame: frame.iloc[::2], "trained on bars of 3600 seconds, got bars of 7200 seconds"),
    ],
)
def test_bars_that_do_not_fit_are_refused_by_name(model_dir: Path, bars: Bars, change, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ModelError, match=message):
        load_model(model_dir)(change(frame_of(bars)), "flat")


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
print(load_model({str(model_dir)!r})(pandas.read_parquet({str(tmp_path / "bars.parquet")!r}), "flat").action)
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
    held = positions_of(patient.advantages(market), market.decidable, patient.costs(market))
    position = "flat"
    for last in range(30, 75):
        position = patient(frame_of(tail.between(0, last + 1)), position=position).action
        assert {"flat": 0, "long": 1, "short": -1}[position] == held[last]


def test_too_little_history_or_no_last_bar_is_told(model_dir: Path, bars: Bars) -> None:
    model = load_model(model_dir)
    frame = frame_of(bars)
    with pytest.raises(ModelError, match="bars"):
        model(frame.head(5), "flat")
    frame.loc[frame.index[-1], "close"] = np.nan
    with pytest.raises(ModelError, match="newest row"):
        model(frame, "flat")
    with pytest.raises(DataError, match="DataFrame"):
        model(7, "flat")
    with pytest.raises(ModelError, match="position is 0"):
        model(frame, position=0)


def test_a_model_takes_bars_from_what_python_users_hold(model_dir: Path, bars: Bars) -> None:
    model, frame = load_model(model_dir), frame_of(bars)
    answer = model(frame, "flat")
    assert model(pa.table(frame), "flat") == model(frame.to_dict("records"), "flat") == model(bars, "flat") == answer


def test_nothing_is_decided_right_after_a_gap(model_dir: Path, bars: Bars) -> None:
    frame = frame_of(bars).drop(index=range(len(bars) - 110, len(bars) - 10))
    answer = load_model(model_dir)(frame, "long")
    assert (answer.action, answer.reason, answer.warnings) == ("flat", "24 bars after a gap", ())
    assert answer.predictions == {}


def test_with_fewer_bars_than_the_card_asks_for_there_is_a_warning(model_dir: Path, bars: Bars) -> None:
    model, frame = load_model(model_dir), frame_of(bars)
    assert model.history == 1959
    enough, whole = model(frame.tail(1959), "flat"), model(frame, "flat")
    assert (enough.action, enough.warnings) == (whole.action, ())
    assert list(enough.values.values()) == pytest.approx(list(whole.values.values()), rel=1e-5)
    assert list(enough.predictions.values()) == pytest.approx(list(whole.predictions.values()), rel=1e-4)
    assert model(frame.tail(1958), "flat").warnings == (
        "1,958 bars of history, and 1,959 give the decision that was evaluated",
    )
    assert model(frame.tail(25), "flat").warnings
    with pytest.raises(ModelError, match="24 bars, at least 25 are needed, and 1,959 to decide well"):
        model(frame.tail(24), "flat")


def test_only_closed_bars_are_decided_on(model_dir: Path, bars: Bars, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock says 20 minutes into the newest bar, then before it."""
    model, frame = load_model(model_dir), frame_of(bars)
    minute = 60 * 10**9
    monkeypatch.setattr("progressive_market.serving.served_bars.time_ns", lambda: int(bars.time[-1]) + 20 * minute)
    with pytest.raises(ModelError, match=r"has not closed yet: .* forming=\"drop\""):
        model(frame, "flat")
    assert model(frame, "flat", forming="drop") == model(frame.iloc[:-1], "flat")
    with pytest.raises(ModelError, match="forming is 'keep'"):
        model(frame, "flat", forming="keep")
    monkeypatch.setattr("progressive_market.serving.served_bars.time_ns", lambda: int(bars.time[-1]) - minute)
    for forming in ("refuse", "drop"):
        with pytest.raises(ModelError, match="check the zone of the times"):
            model(frame, "flat", forming=forming)


def test_a_window_with_most_of_the_rows_that_are_off_the_grid_is_served(
    model_dir: Path, bars: Bars, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are moved back to the bar's open, as they were in training: the newest of them too."""
    model, frame = load_model(model_dir), frame_of(bars).tail(2_000).reset_index(drop=True)
    late = np.zeros(2_000)
    late[1_400:] = np.random.default_rng(0).integers(1, 60, 600)
    off = frame.assign(time=frame["time"] + pd.to_timedelta(late, unit="s"))
    assert model(off, "flat") == model(frame, "flat")
    monkeypatch.setattr("progressive_market.serving.served_bars.time_ns", lambda: int(bars.time[-1]) + 20 * 60 * 10**9)
    assert model(off, "flat", forming="drop") == model(frame.iloc[:-1], "flat")
    monkeypatch.undo()
    off.loc[1_999, "close"] = np.nan
    with pytest.raises(ModelError, match="newest row"):
        model(off, "flat")


def test_a_newest_row_that_is_no_bar_is_never_passed_over(
    model_dir: Path, bars: Bars, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A closed bar without a close before one that is forming, and a newest row whose time cannot be read; a bad print in the bar
    that is forming is of no account."""
    model, frame = load_model(model_dir), frame_of(bars)
    monkeypatch.setattr("progressive_market.serving.served_bars.time_ns", lambda: int(bars.time[-1]) + 60 * 10**9)
    closed = model(frame.iloc[:-1], "flat")
    forming = frame.assign(close=frame["close"].where(frame.index != len(frame) - 1, frame["close"] * 10))
    forming["high"] = forming[["high", "close"]].max(axis=1)
    assert model(forming, "flat", forming="drop") == closed
    broken = frame.assign(close=frame["close"].where(frame.index != len(frame) - 2))
    with pytest.raises(ModelError, match="the newest row, of .* is no bar"):
        model(broken, "flat", forming="drop")
    timeless = frame.astype({"time": "str"})
    timeless.loc[len(frame) - 1, "time"] = "2020-13-0"
    with pytest.raises(ModelError, match="has no time that can be read"):
        model(timeless, "flat")


def test_rows_that_conflict_close_together_are_served_as_they_were_trained_on(model_dir: Path, bars: Bars) -> None:
    model, frame = load_model(model_dir), frame_of(bars)
    again = frame.iloc[3900:3950].assign(volume=frame["volume"] * 2, close=frame["open"], high=frame["high"])
    both = pd.concat([again, frame]).sort_values("time", kind="stable")
    assert model(both.tail(2009), "flat") == model(frame.tail(1959), "flat")


def test_a_bad_last_print_is_named(model_dir: Path, bars: Bars) -> None:
    frame = frame_of(bars)
    frame.loc[frame.index[-1], ["open", "high", "low", "close"]] *= 10
    with pytest.raises(ModelError, match=r"x10.* a bad print"):
        load_model(model_dir)(frame, "flat")


def test_a_price_in_another_unit_from_some_bar_on_is_warned_of(model_dir: Path, bars: Bars) -> None:
    frame = frame_of(bars)
    frame.loc[frame.index[-20:], ["open", "high", "low", "close"]] *= 5
    (warning,) = load_model(model_dir)(frame, "flat").warnings
    assert warning.startswith("the price jumps and stays there: ") and " x5" in warning


def test_the_position_is_carried_and_asked_twice_nothing_changes(model_dir: Path, bars: Bars) -> None:
    model, frame = load_model(model_dir), frame_of(bars)
    live = model.live(position="short")
    with pytest.raises(ModelError, match="position is 'buy'"):
        model.live(position="buy")
    for stop in range(3000, 3040):
        held = live.position
        answer = live(frame.iloc[:stop])
        assert answer == model(frame.iloc[:stop], held)
        assert live.position == answer.action
        assert live(frame.iloc[:stop]) is answer
    with pytest.raises(ModelError, match="has been decided on"):
        live(frame.iloc[:3000])


def counted_reads(model: TradingModel, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The readings of whole sources by `model` from here on."""
    seen: list[str] = []
    read = model.read

    def counting(bars: Any, forming: Any = None) -> Bars:
        seen.append("read")
        return read(bars, forming)

    monkeypatch.setattr(model, "read", counting)
    return seen


def test_a_bar_more_is_read_alone_and_decided_on_as_on_all(
    model_dir: Path, bars: Bars, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows that move on by a bar, by some, with one that is forming, and ones that grow; by column or by index, after a gap too."""
    model, frame = load_model(model_dir), frame_of(bars)
    late = frame.assign(time=frame["time"] + pd.to_timedelta(9 * (frame.index >= 2_900), unit="h"))
    reads, history = counted_reads(model, monkeypatch), model.history
    stops = [*range(2_890, 2_897), *range(2_910, 2_990, 2), 2_996, 3_000]
    forming = frame.assign(time=frame["time"] - frame["time"].iloc[3_000] + pd.Timestamp.now("UTC").floor("s"))
    for table, sizes in (
        (late, [history] * len(stops)),
        (late.set_index("time"), stops),
        (forming, [history + 1] * len(stops)),
    ):
        live, answers = model.live(), set()
        for stop, size in zip(stops, sizes, strict=True):
            held, before = live.position, len(reads)
            rows = table.iloc[stop - size : stop + (table is forming)]
            answer = live(rows, forming="drop")
            assert len(reads) - before == (
                stop == 2_890 or (stop == 2_910 and table is not forming)
            )  # the gap is read whole
            assert answer == model(rows, held, forming="drop")
            answers.add((answer.action, answer.reason))
        assert len(answers) > 1 + (table is not forming)


@pytest.mark.parametrize(
    "changed",
    [
        lambda rows: rows.assign(noise=rows["noise"].where(rows.index != rows.index[50], 9.0)),  # an older row
        lambda rows: rows.assign(close=rows["close"].where(rows.index != rows.index[-1], np.nan)),
        lambda rows: rows.assign(noise=rows["noise"].where(rows.index != rows.index[-1], np.nan)),
        lambda rows: rows.assign(volume=rows["volume"].where(rows.index != rows.index[-1], -1.0)),
        lambda rows: rows.assign(**{name: rows[name].where(rows.index != rows.index[-1], 4e5) for name in PRICES}),
        lambda rows: rows.assign(time=rows["time"] + pd.to_timedelta(7 * (rows.index == rows.index[-1]), unit="s")),
        lambda rows: rows.iloc[::-1],
        lambda rows: rows.iloc[-700:],
        lambda rows: rows.iloc[-10:],
        lambda rows: rows.drop(index=rows.index[-3]),
        lambda rows: rows.assign(symbol="DOGE"),
        lambda rows: rows.drop(columns="noise"),
        lambda rows: rows.astype(dict.fromkeys(PRICES, str)),
    ],
)
def test_whatever_else_changed_is_answered_as_on_all(
    model_dir: Path, bars: Bars, changed: Callable[[pd.DataFrame], pd.DataFrame]
) -> None:
    model, frame = load_model(model_dir), frame_of(bars)

    def asked(decide: Callable[[], object]) -> object:
        try:
            return decide()
        except (ModelError, DataError) as error:
            return str(error)

    live = model.live()
    for stop in (2_500, 2_501):
        live(frame.iloc[stop - 2_000 : stop])
    held, rows = live.position, changed(frame.iloc[502:2_502].copy())
    expected = asked(lambda: model(rows, held))
    assert asked(lambda: live(rows)) == expected
    after, held = frame.iloc[510:2_510], live.position
    assert live(after) == model(after, held)


def test_predictions_are_returns_over_each_horizon(model_dir: Path, bars: Bars) -> None:
    """Of the size of the returns over so many bars, and not of their deviations: a tenth of the prices, a tenth of nothing."""
    model = load_model(model_dir)
    predictions = np.array(
        [list(model(bars.between(0, stop), "flat").predictions.values()) for stop in range(3000, 3050)]
    )
    for column, horizon in enumerate((1, 6, 24)):
        moved = np.abs(np.log(bars.close[horizon:] / bars.close[:-horizon])).mean()
        assert 0 < np.abs(predictions[:, column]).mean() < 2 * moved


def test_the_trajectory_adds_up_to_the_performance(model_dir: Path, bars: Bars) -> None:
    model = load_model(model_dir)
    for since in (None, str(pd.Timestamp(bars.time[2500]))):
        rows = model.trajectory(bars, since)
        own = model.performance(bars, since)[0]
        assert own.trades >= 50
        assert rows["log_growth"].sum() == pytest.approx(own.log_return, abs=1e-9)
        assert rows["equity"].iloc[-1] == pytest.approx(np.exp(own.log_return), rel=1e-9)
        assert len(rows) == len(bars) - (0 if since is None else 2500)
        assert (rows["position"].iloc[1:].to_numpy() == rows["action"].iloc[:-1].to_numpy()).all()
        traded = rows["fill"].notna()
        assert (rows.loc[traded, "fill"] == rows.loc[traded, "open"]).all()
        assert (rows.loc[traded, "cost"] > 0).all() and (rows.loc[~traded, "cost"] == 0).all()
        assert list(rows.index[-1:]) == [pd.Timestamp(bars.time[-1], tz="UTC")]
    for unclear in ("soon", "", "07/01/2025"):
        with pytest.raises(ModelError, match=f"since is '{unclear}'"):
            model.trajectory(bars, unclear)
    with pytest.raises(ModelError, match="no bars to trade on since 2100"):
        model.performance(bars, "2100-01-01")
