"""Wherever a run uses a file, its bytes are those that the run was begun on; what has become of the file is said in one line."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from progressive_app.config.resolve import defaults
from progressive_front import trainer as trainers
from progressive_front.cli import main
from progressive_market.bars import synthetic_bars
from progressive_market.prepared import run_memory
from progressive_training import DataError, PluginError, ProgressiveTrainer, RunInput

SMALL = {"EPISODES": 2, "HORIZON_RANGE": (1, 12), "UPDATES_PER_EPISODE": 1, "EPISODE_BARS": 16, "PARALLEL_EPISODES": 4}
SMALL |= {"BATCH_SIZE": 32, "SEQUENCE": ("Scalping", "Short"), "DEVICE": "cpu"}
QUIET = ("no:report", "no:picture", "no:console", "no:memory")
BETWEEN = "Scalping: finished"
Change = Callable[[Path], object]


def write_bars(file: Path, count: int = 2_000, seed: int = 1) -> None:
    bars = synthetic_bars(count, seed)
    columns = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    pd.DataFrame({"time": pd.to_datetime(bars.time, utc=True), **columns}).to_csv(file, index=False)


def grow(file: Path) -> None:
    line = file.read_bytes().splitlines()[-1]
    with file.open("ab") as written:
        written.write(line.replace(b"2020", b"2021") + b"\n")


def edit(file: Path) -> None:
    """As many bytes as before, and one of them another."""
    content = bytearray(file.read_bytes())
    content[-2] = ord("1") if content[-2] != ord("1") else ord("2")
    file.write_bytes(content)


def shrink(file: Path) -> None:
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-100]))


def models(run: Path) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in sorted((run / "models").glob("*/model.safetensors"))}


class Scene:
    """A file of bars, the bytes that a run on it ends with, and runs during which something becomes of the file."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.file, self.said = directory, directory / "bars.csv", list[str]()
        write_bars(self.file)
        self.content = self.file.read_bytes()

    def train(self, run: str, change: Change | None = None, plugins: tuple[str, ...] = (), **settings: Any) -> Path:
        def hear(line: str) -> None:
            self.said.append(line)
            if BETWEEN in line and change is not None:
                change(self.file)

        asked = {**defaults(), **SMALL, "DATA": str(self.file), **settings}
        directory = self.directory / run
        ProgressiveTrainer(hear, settings=asked, run_dir=directory, plugins=(*QUIET, *plugins)).train_progressively()
        return directory

    def resume(self, run: Path) -> None:
        self.file.write_bytes(self.content)
        assert main(["--resume", "--run-dir", str(run), "--quiet"]) == 0

    def logged(self, run: Path) -> list[str]:
        events = [json.loads(line)["event"] for line in (run / "log.jsonl").read_text().splitlines()]
        return [event for event in events if "since the run was begun" in event]


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return models(Scene(tmp_path_factory.mktemp("whole")).train("whole"))


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


@pytest.fixture
def read_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is small enough for the memory of the run."""
    monkeypatch.setattr(run_memory, "LARGEST", 0)
    monkeypatch.setattr("progressive_market.prepared.shared_market.LARGEST", 0)


def test_bars_in_memory_go_on_and_a_line_says_so(
    scene: Scene, expected: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    run = scene.train("run", Path.unlink, ("no:cache",))
    assert models(run) == expected
    line = f"{scene.file}: gone since the run was begun, which goes on with what the file held then"
    assert set(scene.logged(run)) == {line}
    assert capsys.readouterr().err.count(line) == 1


def test_a_pipe_in_place_of_the_file_is_not_waited_for(tmp_path: Path) -> None:
    """The bars are in memory, and only what has become of their file is looked at."""
    os.mkfifo(tmp_path / "bars.csv")
    file = RunInput(path=tmp_path / "bars.csv", sha256="0" * 64, size=1)
    assert file.change() == "gone"
    with pytest.raises(DataError, match=r"bars\.csv: gone since the run was begun"):
        file.read()


@pytest.mark.usefixtures("read_each_time")
def test_kept_bars_go_on_and_a_line_says_so(scene: Scene, expected: dict[str, bytes]) -> None:
    run = scene.train("run", edit)
    assert models(run) == expected
    assert scene.logged(run)[0].startswith(f"{scene.file}: changed since the run was begun, which goes on")


@pytest.mark.usefixtures("read_each_time")
def test_a_file_that_grows_is_read_up_to_where_it_ended(scene: Scene, expected: dict[str, bytes]) -> None:
    run = scene.train("run", grow, ("no:cache",))
    assert models(run) == expected
    assert scene.logged(run)[0].startswith(f"{scene.file}: grown since the run was begun, which goes on")


@pytest.mark.usefixtures("read_each_time")
def test_without_them_the_run_ends_behind_its_checkpoint(scene: Scene, expected: dict[str, bytes]) -> None:
    with pytest.raises(DataError, match=r"bars\.csv: changed since the run was begun[^\n]*put the old file back"):
        scene.train("stages/run", edit, ("no:cache",))  # in a folder of any name
    run = scene.directory / "stages/run"
    assert json.loads((run / "state.json").read_text())["status"] == "interrupted"
    scene.resume(run)
    assert models(run) == expected


@pytest.mark.parametrize(("change", "word"), [(edit, "changed"), (shrink, "changed"), (Path.unlink, "gone")])
def test_a_file_that_changes_before_it_is_read_leaves_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, change: Change, word: str
) -> None:
    train = trainers.train_run
    monkeypatch.setattr(trainers, "train_run", lambda *given: change(scene.file) or train(*given))
    with pytest.raises(DataError, match=rf"bars\.csv: {word} since the run was begun[^\n]*; put the old file back"):
        scene.train("run")
    assert not (scene.directory / "run").exists()


def test_the_test_part_is_of_the_same_bytes(scene: Scene) -> None:
    time = synthetic_bars(2_000, 1).time
    parts = [f"{each}Z" for each in np.datetime_as_string(time[[0, 1_200, 1_600, 1_990]].view("<M8[ns]"))]
    whole = scene.train("whole", PARTS=parts, SEQUENCE=("Scalping",))
    seen = []

    def judged(report: Any) -> None:
        if report.episode == 2:
            seen.append(report.bucket)
            edit(scene.file)

    asked = {**defaults(), **SMALL, "DATA": str(scene.file), "PARTS": parts, "SEQUENCE": ("Scalping",)}
    run = scene.directory / "run"
    with pytest.raises(DataError, match=r"bars\.csv: changed since the run was begun"):
        ProgressiveTrainer(
            lambda line: None, settings=asked, run_dir=run, plugins=QUIET, on_episode=judged
        ).train_progressively()
    assert seen == ["Scalping"]
    scene.resume(run)
    assert models(run) == models(whole)


def test_a_grown_file_is_not_resumed_on_but_what_it_was_is_named(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    run = scene.train("run", SEQUENCE=("Scalping",))
    grow(scene.file)
    capsys.readouterr()
    assert main(["--resume", "--run-dir", str(run)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    size = len(scene.content)
    assert f"{scene.file} has grown since; its first {size} bytes are the old one: `head -c {size} " in line


PLUGIN = """
from progressive_training import DataError, InputFile, OrNull, Setting, hookimpl, run_input

HOLIDAYS = Setting("HOLIDAYS", None, OrNull(InputFile(), "none"), "days without trading")
settings = (HOLIDAYS,)
seen = []

@hookimpl
def on_bucket_start(bucket):
    if file := run_input(bucket, "HOLIDAYS"):
        seen.append(file.read())
"""


def test_a_plugin_reads_its_file_as_safely(workshop: Any, capsys: pytest.CaptureFixture[str]) -> None:
    workshop.install("days", plugins={"holidays": "days_plugin"}, days_plugin=PLUGIN)
    file, run = workshop.directory / "days.txt", workshop.directory / "run"
    file.write_bytes(b"2020-12-25\n")

    def hear(line: str) -> None:
        if "First: finished" in line:
            file.write_bytes(file.read_bytes() + b"2021-12-25\n")
        elif "Second: finished" in line:
            file.write_bytes(b"2019-12-25\n")

    workshop.hear = hear
    with pytest.raises(PluginError, match=r"days\.txt: changed since the run was begun"):
        workshop.trainer(HOLIDAYS=str(file), SEQUENCE=("First", "Second", "Third")).train_progressively()
    import days_plugin  # type: ignore[import-not-found]

    assert days_plugin.seen == [b"2020-12-25\n"] * 2
    assert "days.txt: grown since the run was begun" in capsys.readouterr().err
    file.write_bytes(b"2020-12-25\n")
    workshop.trainer().resume()
    assert len(models(run)) == 3


def test_another_file_of_a_plugin_is_recorded_where_it_may_change(workshop: Any) -> None:
    workshop.install("days", plugins={"holidays": "days_plugin"}, days_plugin=PLUGIN)
    run = workshop.directory / "run"
    workshop.trainer(SEQUENCE=("First",)).train_progressively()
    for number, (buckets, content) in enumerate([(("First", "Second"), b"a"), (("First", "Second", "Third"), b"b")]):
        file = workshop.directory / f"days-{number}.txt"
        file.write_bytes(content)
        workshop.trainer().resume({"SEQUENCE": buckets, "HOLIDAYS": str(file)})
        inputs = json.loads((run / "manifest.json").read_text())["inputs"]
        assert inputs["HOLIDAYS"]["file"] == str(file)
    import days_plugin  # type: ignore[import-not-found]

    assert days_plugin.seen[-2:] == [b"a", b"b"]
