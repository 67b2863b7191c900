"""`evaluate`: what a run's models are worth, where they were trained and on other bars."""

import json
from contextlib import chdir
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from progressive_front.cli import main
from progressive_training.market import synthetic_bars

TINY = {
    "SEQUENCE": ["Scalping"],
    "EPISODES": 1,
    "DATA": "trained.csv",
    "PARALLEL_EPISODES": 4,
    "EPISODE_BARS": 16,
    "BATCH_SIZE": 32,
    "UPDATES_PER_EPISODE": 1,
    "DEVICE": "cpu",
}
MOOD = 7
"""The extra column `mood` counts the bars and begins again after so many."""


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with `mine`, a finished run of one real bucket, on bars with an extra column `mood`."""
    directory = tmp_path_factory.mktemp("workplace")
    with chdir(directory):
        write_bars("trained.csv", 6_000, seed=0, mood=MOOD)
        Path("config.json").write_text(json.dumps(TINY))
        assert main(["--run-dir", "mine", "-p", "no:report", "-p", "no:console"]) == 0
    return directory


@pytest.fixture
def run(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of that run, in the working directory."""
    monkeypatch.chdir(workplace)
    return "mine"


def write_bars(file: str, length: int, seed: int, **columns: int) -> None:
    """Write a file of bars of a synthetic market, with more columns where wanted."""
    bars = synthetic_bars(length, seed)
    names: dict[str, Any] = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    frame = pd.DataFrame({"time": pd.to_datetime(bars.time), **names})
    for name, value in columns.items():
        frame[name] = frame.index % value
    frame.to_csv(file, index=False)


def other_bars(**columns: int) -> None:
    """Write other.csv: a market of another seed."""
    write_bars("other.csv", 3_000, seed=9, **columns)


def test_a_run_is_shown_as_measured_and_on_a_file_of_other_bars(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    other_bars(mood=MOOD)
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


def test_columns_the_models_do_not_know_are_left_out(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    other_bars(mood=MOOD)
    assert main(["evaluate", run, "--data", "other.csv", "--json"]) == 0
    without = capsys.readouterr().out
    other_bars(mood=MOOD, weather=5, tide=9)
    capsys.readouterr()
    assert main(["evaluate", run, "--data", "other.csv", "--json"]) == 0
    assert capsys.readouterr().out == without


def test_bars_that_do_not_fit_the_model_are_refused_by_file_and_column(
    run: str, capsys: pytest.CaptureFixture[str]
) -> None:
    other_bars()
    capsys.readouterr()
    assert main(["evaluate", run, "--data", "other.csv"]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert "other.csv" in line
    assert "lacks the columns mood" in line
    assert main(["evaluate", run, "--data", "none.csv"]) == 2
    assert "none.csv" in capsys.readouterr().err


def test_finer_bars_are_combined_into_those_the_models_know(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    other_bars(mood=MOOD)
    frame = pd.read_csv("other.csv", parse_dates=["time"])
    start, interval = frame["time"][0], frame["time"][1] - frame["time"][0]
    assert interval == pd.Timedelta("1h")
    frame["time"] = start + (frame["time"] - start) / 2
    frame.to_csv("other.csv", index=False)
    capsys.readouterr()
    assert main(["evaluate", run, "--data", "other.csv"]) == 0
    assert "Scalping on all bars of other.csv" in capsys.readouterr().out


def test_one_market_of_a_file_is_evaluated(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    other_bars(mood=MOOD)
    assert main(["evaluate", run, "--data", "other.csv", "--json"]) == 0
    alone = capsys.readouterr().out
    one = pd.read_csv("other.csv")
    pd.concat([one.assign(Asset_ID=1), one.assign(Asset_ID=6, close=one["low"], open=one["low"])]).to_csv(
        "other.csv", index=False
    )
    assert main(["evaluate", run, "--data", "other.csv"]) == 2
    assert "column 'Asset_ID' names 2 markets (1, 6)" in capsys.readouterr().err.splitlines()[-1]
    assert main(["evaluate", run, "--data", "other.csv", "--json", "--market", "1"]) == 0
    assert capsys.readouterr().out == alone
