"""A run that goes on with other versions, or on another processor: told before training, recorded from where on, refused if wished."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from progressive_app.machine.environment import Environment
from progressive_front.cli import main
from progressive_training import ConfigError, Interrupted, RunError

KERNELS = "ATEN_CPU_CAPABILITY"


def environments(run: Path) -> list[dict[str, Any]]:
    return list(json.loads((run / "manifest.json").read_text())["environments"])


def state(run: Path) -> dict[str, bytes]:
    return {str(path.relative_to(run)): path.read_bytes() for path in run.rglob("*") if path.is_file()}


@pytest.fixture
def stopped(workshop, tmp_path: Path) -> Path:
    """A run that was stopped in the middle of its second bucket."""
    workshop.stop_at = "Second: episode 2"
    with pytest.raises(Interrupted):
        workshop.trainer(TRANSFER_COOLDOWN=10).train_progressively()
    workshop.stop_at = ""
    return tmp_path / "run"


def test_a_run_records_the_environment_that_it_was_begun_in(stopped: Path) -> None:
    (begun,) = environments(stopped)
    assert (begun["bucket"], begun["episode"]) == (None, 0)
    assert begun["versions"]["python"] == sys.version.split()[0]
    assert {"torch", "numpy", "pandas", "pyarrow", "progressive-training"} <= begun["versions"].keys()
    assert begun["versions"]["acme"] == "1.2", "the distribution of the plugins that take part"
    assert json.loads((stopped / "manifest.json").read_text())["versions"] == begun["versions"]


def test_another_environment_is_told_once_and_recorded_from_its_episode_on(
    workshop, stopped, capfd, monkeypatch, tmp_path
) -> None:
    (before,) = environments(stopped)
    monkeypatch.setenv(KERNELS, "default")
    (tmp_path / "acme/acme-1.2.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.3\n")
    workshop.trainer().resume()
    told = capfd.readouterr().err
    assert told.count("warning: another environment than this was trained in so far: acme 1.2 -> 1.3") == 1
    assert f"; processor with {KERNELS}=default; from here on it may not come out the same to the bit" in told
    first, second = environments(stopped)
    assert first == before
    assert (second["bucket"], second["episode"]) == ("Second", 2)
    assert second["versions"] == {**before["versions"], "acme": "1.3"}
    assert "another environment" in (stopped / "log.jsonl").read_text()

    workshop.trainer().resume({"SEQUENCE": ["First", "Second", "Third"]})
    assert "another environment" not in capfd.readouterr().err
    assert len(environments(stopped)) == 2


def test_strict_refuses_it_and_leaves_the_run_as_it_is(workshop, stopped, monkeypatch, capsys) -> None:
    before = state(stopped)
    monkeypatch.setenv(KERNELS, "default")
    with pytest.raises(
        RunError, match=rf"trained in another environment: processor .*{KERNELS}=default. Go on in that one"
    ):
        workshop.trainer().resume(strict=True)
    for flags in ([], ["--fork"]):
        assert main(["--resume", "--run-dir", str(stopped), "--strict", *flags]) == 2
        out, err = capsys.readouterr()
        (line,) = err.splitlines()
        assert "trained in another environment" in line
        assert out == "", "nothing is said to go on"
    assert state(stopped) == before
    with pytest.raises(RunError, match="trained in another environment"):
        workshop.trainer().resume(strict=True, fork=True)
    assert not (workshop.directory / "runs").exists()
    assert main(["--strict"]) == 2
    assert "--strict goes with --resume" in capsys.readouterr().err

    monkeypatch.delenv(KERNELS)
    workshop.trainer().resume(strict=True)


def test_an_environment_that_nothing_was_trained_in_is_forgotten(workshop, stopped, monkeypatch, capfd) -> None:
    begun = environments(stopped)
    monkeypatch.setenv(KERNELS, "default")
    with pytest.raises(ConfigError, match="LEARNING_RATE"):
        workshop.trainer().resume({"LEARNING_RATE": -1})
    monkeypatch.delenv(KERNELS)
    workshop.trainer().resume(strict=True)
    assert environments(stopped) == begun


def test_the_member_of_a_stage_is_told_and_recorded_with_its_own_episode(
    workshop, tmp_path, monkeypatch, capfd
) -> None:
    stage = {"SEQUENCE": (("First", "Second"),), "TRANSFER_COOLDOWN": 10}
    workshop.stop_at = "Second: episode 2"
    with pytest.raises(Interrupted):
        workshop.trainer(**stage).train_progressively()
    workshop.stop_at = ""
    run = tmp_path / "run"
    monkeypatch.setenv(KERNELS, "default")
    with pytest.raises(RunError, match="trained in another environment"):
        workshop.trainer().resume(strict=True)
    workshop.trainer().resume()
    assert capfd.readouterr().err.count("another environment") == 1
    assert [(each["bucket"], each["episode"]) for each in environments(run)] == [(None, 0), ("Second", 2)]
    workshop.trainer().resume({"SEQUENCE": [["First", "Second"], "Third"]}, strict=True)


def test_what_only_one_of_two_environments_says_is_no_change() -> None:
    """Runs of earlier versions have fewer versions, and no processor."""
    earlier = Environment(versions={"torch": "2.6.0", "gone": "1"})
    here = Environment(processor="X, avx2", versions={"torch": "2.9.1", "numpy": "2.4"})
    assert earlier.changes_to(here) == ["torch 2.6.0 -> 2.9.1"]


def test_of_a_processor_what_differs_is_told() -> None:
    wide, narrow = (Environment(processor=text) for text in ("X, model 1, avx2, avx512f", "X, model 1, avx2"))
    assert wide.changes_to(narrow) == ["processor without avx512f"]
    assert narrow.changes_to(Environment(processor="Y, model 2, avx2")) == ["processor X, model 1 -> Y, model 2"]
