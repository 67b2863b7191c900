"""Bars that a Python caller holds: trained on as a file of them is, kept by the run, and never left behind."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from progressive_core.engine.run import Interrupted
from progressive_training import ConfigError, DataError, ProgressiveTrainer

SMALL = {
    "EPISODES": 1,
    "HORIZON_RANGE": [1, 12],
    "UPDATES_PER_EPISODE": 2,
    "PARALLEL_EPISODES": 4,
    "EPISODE_BARS": 32,
    "REPLAY_CAPACITY": 500,
    "DEVICE": "cpu",
    "SEQUENCE": ["Scalping"],
    "PLUGINS": ["no:report"],
}
PRICES = ["open", "high", "low", "close", "volume"]


def bars(rows: int = 1600) -> pd.DataFrame:
    """A walk of hourly bars, in which no column says the time: the index does."""
    draw = np.random.default_rng(7)
    close = 100 * np.exp(np.cumsum(draw.normal(0, 0.01, rows)))
    opened = np.r_[100.0, close[:-1]]
    high, low = np.maximum(opened, close) * 1.001, np.minimum(opened, close) * 0.999
    times = pd.date_range("2021-03-01", periods=rows, freq="h", tz="Europe/Berlin", name="when")
    columns = {"open": opened, "high": high, "low": low, "close": close, "volume": draw.uniform(1, 2, rows)}
    return pd.DataFrame(columns, index=times)


def ccxt_rows(frame: pd.DataFrame) -> list[list[float]]:
    times = frame.index.tz_convert("UTC").as_unit("ms").asi8.tolist()
    return [[time, *row] for time, row in zip(times, frame[PRICES].to_numpy().tolist(), strict=True)]


class OnlyArrow:
    """What speaks Arrow and is no class that anyone knows."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def from_file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The model of a training on a file of the bars."""
    directory = tmp_path_factory.mktemp("file")
    bars().to_parquet(directory / "bars.parquet")
    trainer = ProgressiveTrainer(data=directory / "bars.parquet", settings=SMALL, run_dir=directory / "run")
    model: bytes = trainer.train_progressively()["Scalping"].read_bytes()
    assert not (directory / "run" / "data.parquet").exists()
    return model


@pytest.mark.parametrize(
    "held",
    [
        lambda frame: frame,
        lambda frame: frame.reset_index(),
        lambda frame: pa.Table.from_pandas(frame),
        lambda frame: OnlyArrow(pa.Table.from_pandas(frame)),
        lambda frame: pa.Table.from_pandas(frame).to_reader(),
        ccxt_rows,
        lambda frame: np.array(ccxt_rows(frame)),
        lambda frame: frame.reset_index().to_dict("records"),
    ],
    ids=["frame", "column of times", "table", "arrow", "reader", "ccxt", "array", "rows by name"],
)
def test_bars_in_memory_give_the_bytes_that_a_file_of_them_gives(
    held: Callable[[pd.DataFrame], Any], here: Path, from_file: bytes
) -> None:
    trainer = ProgressiveTrainer(data=held(bars()), settings=SMALL)
    path = trainer.train_progressively()["Scalping"]
    assert path.read_bytes() == from_file
    assert trainer.run_dir is not None
    kept = trainer.run_dir / "data.parquet"
    begun = json.loads((trainer.run_dir / "manifest.json").read_text())["inputs"]["DATA"]
    assert begun["file"] == str(kept.absolute())
    assert begun["sha256"] == hashlib.sha256(kept.read_bytes()).hexdigest()


def test_a_changed_frame_is_not_the_one_that_was_given(here: Path, from_file: bytes) -> None:
    frame = bars()
    trainer = ProgressiveTrainer(data=frame, settings=SMALL)
    frame[:] = 1.0
    assert trainer.train_progressively()["Scalping"].read_bytes() == from_file
    assert trainer.train_progressively()["Scalping"].read_bytes() == from_file  # a second run has a copy of its own


def test_an_isolated_second_bucket_and_a_moved_run_need_no_frame(here: Path) -> None:
    settings = {**SMALL, "SEQUENCE": ["Scalping", "Short"]}
    whole = ProgressiveTrainer(data=bars(), settings=settings, run_dir="whole").train_progressively()

    def stop(line: str) -> None:
        if "Short: episode 1" in line:
            trainer.interrupt()

    trainer = ProgressiveTrainer(stop, data=bars(), settings={**settings, "EPISODES": 2}, run_dir="run")
    with pytest.raises(Interrupted):
        trainer.train_progressively(isolate=True)
    Path("run").rename("elsewhere")
    said: list[str] = []
    ProgressiveTrainer(run_dir="elsewhere").resume({"EPISODES": {"Short": 1}}, on_message=said.append)
    short = Path("elsewhere/models/Short/model.safetensors")
    assert short.is_file() and set(whole) == {"Scalping", "Short"}
    (line,) = (line for line in said if line.startswith("DATA "))
    assert "the same bytes in another place" in line
    manifest = json.loads(Path("elsewhere/manifest.json").read_text())
    assert manifest["inputs"]["DATA"]["file"] == str(Path("elsewhere/data.parquet").absolute())
    assert manifest["inputs"]["DATA"]["moved_from"] == [str(Path("run/data.parquet").absolute())]
    assert "DATA" not in {each["key"] for each in manifest["changes"]}


@pytest.mark.parametrize("changed", [{}, {"FEE": 0.002}])
def test_a_fork_keeps_the_bars_when_its_parent_is_gone(workshop: Any, changed: dict[str, Any]) -> None:
    workshop.stop_at = "Second: episode 2"
    with pytest.raises(Interrupted):
        workshop.trainer(data=bars(50)).train_progressively()
    workshop.trained, workshop.stop_at = workshop.trainer(), "Second: episode 3"
    with pytest.raises(Interrupted):
        workshop.trained.resume(changed, fork=True)
    shutil.rmtree(workshop.directory / "run")
    workshop.stop_at = ""
    (fork,) = (workshop.directory / "runs").iterdir()
    workshop.trainer(str(fork)).resume()
    assert json.loads((fork / "state.json").read_text())["status"] == "finished"


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (bars(40), "^data: Scalping: 40 bars are too few"),
        (bars().drop(columns="close"), "^data: no column for the close price"),
    ],
)
def test_a_run_that_is_refused_leaves_nothing_and_calls_the_bars_data(
    frame: pd.DataFrame, message: str, here: Path
) -> None:
    with pytest.raises(DataError, match=message):
        ProgressiveTrainer(data=frame, settings=SMALL).train_progressively()
    assert list(here.iterdir()) == []


def test_a_file_that_cannot_be_written_whole_is_not_there(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("progressive_app.store.creation.atomic_write", full)
    with pytest.raises(Exception, match="cannot create a run here .No space left on device"):
        ProgressiveTrainer(data=bars(), settings=SMALL).train_progressively()
    assert list(here.iterdir()) == []


def test_what_a_kill_left_of_such_a_run_does_not_keep_the_next_one_out(here: Path) -> None:
    run = here / "run"
    run.mkdir()
    for name in (".run.partial", "data.parquet", ".data.parquet.partial"):
        (run / name).touch()
    ProgressiveTrainer(data=bars(), settings=SMALL, run_dir=run).train_progressively()
    pd.testing.assert_frame_equal(pd.read_parquet(run / "data.parquet"), bars(), check_freq=False)


def test_data_take_the_place_of_those_in_the_file_and_not_of_those_in_settings(here: Path) -> None:
    Path("config.json").write_text(json.dumps({**SMALL, "DATA": "absent.csv", "FEE": 0.002}))
    trainer = ProgressiveTrainer(data=bars())
    run = trainer.train_progressively()["Scalping"].parents[2]
    assert json.loads((run / "config.json").read_text())["DATA"] == str((run / "data.parquet").absolute())
    with pytest.raises(ConfigError, match="two sources of bars"):
        ProgressiveTrainer(data=bars(), settings={"DATA": "absent.csv"})


def test_settings_stand_over_the_file_and_below_the_interface(workshop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workshop.directory)
    file = {"SEQUENCE": ["First"], "FEE": 0.002, "CAPITAL_ALLOCATION": 0.5, "EPISODES": 7, "PLUGINS": ["no:report"]}
    Path("config.json").write_text(json.dumps(file))
    trainer = ProgressiveTrainer(settings={"FEE": 0.0005, "CAPITAL_ALLOCATION": 0.7, "EPISODES": 2, "DEVICE": "cpu"})
    path = trainer.train_progressively(ui_params={"capital_allocation": 0.9})["First"]
    used = json.loads((path.parents[2] / "config.json").read_text())
    asked = {"SEQUENCE": ["First"], "FEE": 0.0005, "CAPITAL_ALLOCATION": 0.9, "EPISODES": 2, "SLIPPAGE": 0.0001}
    assert {key: used[key] for key in asked} == asked
