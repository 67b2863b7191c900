"""`evaluate`: what a run's models are worth, where they were trained and on other bars."""

import json
from contextlib import chdir
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from progressive_core.cli import main
from progressive_core.config import defaults, overlay
from progressive_training import load_bars

TINY = {
    "SEQUENCE": ["Scalping"],
    "EPISODES": 1,
    "SYNTHETIC_BARS": 6_000,
    "PARALLEL_EPISODES": 4,
    "EPISODE_BARS": 16,
    "BATCH_SIZE": 32,
    "UPDATES_PER_EPISODE": 1,
    "DEVICE": "cpu",
}


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with `mine`, a finished run of one real bucket."""
    directory = tmp_path_factory.mktemp("workplace")
    with chdir(directory):
        Path("config.json").write_text(json.dumps(TINY))
        assert main(["--run-dir", "mine", "-p", "no:report", "-p", "no:console"]) == 0
    return directory


@pytest.fixture
def run(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of that run, in the working directory."""
    monkeypatch.chdir(workplace)
    return "mine"


def other_bars(**columns: object) -> None:
    """Write other.csv: a market of another seed, with more columns where wanted."""
    bars = load_bars(overlay(defaults(), {"SYNTHETIC_BARS": 3_000, "SEED": 9}, "test"))
    names: dict[str, Any] = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    pd.DataFrame({"time": pd.to_datetime(bars.time), **names, **bars.extra, **columns}).to_csv("other.csv", index=False)


def test_a_run_is_shown_as_measured_and_on_a_file_of_other_bars(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    other_bars()
    capsys.readouterr()
    assert main(["evaluate", run]) == 0
    measured = capsys.readouterr().out
    assert main(["evaluate", run, "--data", "other.csv"]) == 0
    elsewhere = capsys.readouterr().out
    assert elsewhere.startswith("Scalping on all bars of other.csv\n")
    for baseline in ("flat", "buy and hold", "ridge"):
        assert baseline in measured
        assert baseline in elsewhere
    assert main(["evaluate", run, "--data", "other.csv", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["Scalping"]
    assert {"strategy", "log_return", "t"} <= set(rows[0])


def test_bars_that_do_not_fit_the_model_are_refused_by_column(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    other_bars(mood=[bar % 7 for bar in range(3_000)])
    capsys.readouterr()
    assert main(["evaluate", run, "--data", "other.csv"]) == 2
    assert "mood" in capsys.readouterr().err
    assert main(["evaluate", run, "--data", "none.csv"]) == 2
    assert "none.csv" in capsys.readouterr().err
