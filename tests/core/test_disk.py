"""A disk that is full or cannot be written, and data that vanish: one line that names the file, and a run that goes on."""

import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from progressive_app.config.resolve import defaults
from progressive_app.store.runs import list_runs
from progressive_core.contract.errors import RunError, WriteError
from progressive_core.engine import sequence
from progressive_core.engine.run import Interrupted
from progressive_front.cli import main
from progressive_market.bars import synthetic_bars
from progressive_training import ProgressiveTrainer

Break = Callable[[Path], Callable[[], None]]


def models(run: Path) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in sorted(run.glob("models/*/model.safetensors"))}


def a_full_disk_for(name: str) -> Break:
    """From now on every write to that file of lines finds no space left, as on any full disk."""

    def fill(run: Path) -> Callable[[], None]:
        aside = run.with_name("aside")
        (run / name).rename(aside)
        (run / name).symlink_to("/dev/full")

        def free() -> None:
            (run / name).unlink()
            aside.rename(run / name)

        return free

    return fill


def no_directory(name: str) -> Break:
    """That directory cannot be made or written: a file is in its place."""

    def bar(run: Path) -> Callable[[], None]:
        aside = run.with_name("aside")
        if (run / name).exists():
            (run / name).rename(aside)
        (run / name).touch()

        def clear() -> None:
            (run / name).unlink()
            if aside.exists():
                aside.rename(run / name)

        return clear

    return bar


def no_file_above(size: int) -> Break:
    """No file may grow above so many bytes: the limit of a user, which `ulimit -f` sets."""

    def limit(run: Path) -> Callable[[], None]:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limit


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (a_full_disk_for("metrics.jsonl"), r"metrics\.jsonl: cannot be written \(No space left on device\)"),
        (a_full_disk_for("ledger.jsonl"), r"ledger\.jsonl: cannot be written \(No space left on device\)"),
        (no_directory("models/Second"), r"models/Second[^:]*: cannot be written \(Not a directory\)"),
        (no_directory("checkpoints"), r"Second-00000\d\.safetensors: cannot be written \(Not a directory\)"),
        (no_file_above(10), r": cannot be written \(File too large\)"),
    ],
    ids=["metrics", "ledger", "models", "checkpoints", "everything"],
)
def test_a_disk_that_is_full_ends_the_run_in_one_line_and_it_can_go_on(
    workshop: Any, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, broken: Break, told: str
) -> None:
    monkeypatch.setattr(sequence, "CHECKPOINT_SHARE", 1.0)  # one after each episode
    settings = {"SEQUENCE": ("First", "Second", "Third"), "EPISODES": 3}
    workshop.trainer("whole", **settings).train_progressively()
    run, mend = workshop.directory / "run", []

    def hear(line: str) -> None:
        if "Second: episode 1 of" in line and not mend:
            mend.append(broken(run))

    monkeypatch.setattr(workshop, "hear", hear)
    with capfd.disabled():  # what pytest writes down is not the run's
        try:
            with pytest.raises(WriteError, match=rf"^[^\n]*{told}[^\n]* go on with --resume --run-dir {run}$"):
                workshop.trainer(plugins=("no:watch",), **settings).train_progressively()
        finally:
            mend[0]()
    (listed,) = (each for each in list_runs(workshop.directory) if each.directory == run)
    assert listed.status == "interrupted"
    workshop.trainer(**settings).resume()
    assert models(run) == models(workshop.directory / "whole")
    assert not list(run.rglob("*.partial"))


def test_a_run_that_no_file_can_be_made_for_leaves_nothing(workshop: Any) -> None:
    free = no_file_above(0)(workshop.directory)
    try:
        with pytest.raises(RunError, match="cannot create a run here"):
            workshop.trainer("new").train_progressively()
    finally:
        free()
    assert not (workshop.directory / "new").exists()


def test_data_that_vanish_do_a_run_no_harm_and_are_named_before_it_is_resumed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bars = synthetic_bars(2500, 1)
    columns = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    file = tmp_path / "bars.csv"
    pd.DataFrame({"time": pd.to_datetime(bars.time, utc=True), **columns}).to_csv(file, index=False)
    small = {"EPISODES": 2, "HORIZON_RANGE": (1, 12), "UPDATES_PER_EPISODE": 2, "PARALLEL_EPISODES": 4}
    settings = {**defaults(), **small, "SEQUENCE": ("Scalping", "Short"), "DATA": str(file), "DEVICE": "cpu"}
    plugins = ("no:report", "no:cache")
    ProgressiveTrainer(settings=settings, run_dir=tmp_path / "whole", plugins=plugins).train_progressively()

    def hear(line: str) -> None:
        if "Scalping: finished" in line:
            file.rename(tmp_path / "aside")
        elif "Short: episode 1" in line:
            trainer.interrupt()

    run = tmp_path / "run"
    trainer = ProgressiveTrainer(hear, settings=settings, run_dir=run, plugins=plugins)
    with pytest.raises(Interrupted):
        trainer.train_progressively()
    assert main(["--resume", "--run-dir", str(run)]) == 2
    (line,) = capsys.readouterr().err.splitlines()[-1:]
    assert f"its data file {file} is gone; put it back, or go on with its new place: --data PLACE" in line
    (tmp_path / "aside").rename(file)
    assert main(["--resume", "--run-dir", str(run), "-p", "no:console"]) == 0
    assert models(run) == models(tmp_path / "whole")
