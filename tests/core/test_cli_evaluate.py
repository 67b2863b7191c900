"""`evaluate`: what a run's models are worth, where they were trained and on other bars."""

import json
from contextlib import chdir
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from progressive_front.cli import main
from progressive_training import load_model
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
    heading = "Scalping on all bars of other.csv (3,000 bars of 1h from 2020-01-01 00:00 to 2020-05-04 23:00 UTC)"
    assert " ".join(elsewhere.split()).startswith(heading)
    assert "verdict" in elsewhere and "no edge shown" in elsewhere
    for baseline in ("flat", "buy and hold", "ridge"):
        assert baseline in measured
        assert baseline in elsewhere
    assert main(["evaluate", run, "--data", "other.csv", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["Scalping"]
    assert {"strategy", "profit", "t"} <= set(rows[0])


def shifted(hours: int) -> None:
    """Write other.csv, whose first bar is so many hours after the first one trained on; that one was hour 0 of 6,000."""
    other_bars(mood=MOOD)
    frame = pd.read_csv("other.csv", parse_dates=["time"])
    frame.assign(time=frame["time"] + pd.Timedelta(hours=hours)).to_csv("other.csv", index=False)


@pytest.mark.parametrize(
    ("hours", "since", "known"),
    [
        (0, None, "3,000 of 3,000"),
        (5_000, None, "1,000 of 3,000"),
        (5_999, None, "1 of 3,000"),
        (6_000, None, None),
        (-3_000, None, None),
        (-2_999, None, "1 of 3,000"),
        (5_000, "2020-08-27", "264 of 2,264"),
        (5_000, "2020-09-07", None),
    ],
)
def test_bars_that_the_model_was_trained_on_are_warned_of(
    run: str, capsys: pytest.CaptureFixture[str], hours: int, since: str | None, known: str | None
) -> None:
    shifted(hours)
    capsys.readouterr()
    assert main(["evaluate", run, "--data", "other.csv", *(["--since", since] if since else [])]) == 0
    warnings = capsys.readouterr().err.splitlines()
    assert len(warnings) == (known is not None)
    if known:
        assert (
            f"other.csv: {known} bars are of the time that the model was trained, chosen and judged on" in warnings[0]
        )
        assert "until 2020-09-06 23:00 UTC" in warnings[0]


def test_only_bars_from_a_time_on_are_measured(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    shifted(6_000)
    flags = ["evaluate", run, "--data", "other.csv", "--since", "2020-10-01 12:00"]
    assert main([*flags, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)["Scalping"]
    model = load_model(Path(run) / "models/Scalping", policy="strategy")
    measured = model.performance("other.csv", since="2020-10-01 12:00")
    assert [row["profit"] for row in shown] == [row.profit for row in measured]
    assert main(flags) == 0
    assert "on the bars of other.csv since 2020-10-01 12:00" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "fact"),
    [
        (["--since", "2020-02-01"], "--since goes with --data FILE"),
        (["--data", "other.csv", "--since", "soon"], "other.csv: since is 'soon', expected a time"),
        (["--data", "other.csv", "--since", "2031"], "no bars to trade on since 2031-01-01"),
    ],
)
def test_a_since_that_cannot_be_used_is_refused(
    run: str, capsys: pytest.CaptureFixture[str], flags: list[str], fact: str
) -> None:
    other_bars(mood=MOOD)
    capsys.readouterr()
    assert main(["evaluate", run, *flags]) == 2
    assert fact in capsys.readouterr().err.splitlines()[-1]


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
    one = pd.read_csv("other.csv", dtype=str)  # digit for digit
    pd.concat([one.assign(Asset_ID=1), one.assign(Asset_ID=6, close=one["low"], open=one["low"])]).to_csv(
        "other.csv", index=False
    )
    assert main(["evaluate", run, "--data", "other.csv"]) == 2
    assert "column 'Asset_ID' names 2 markets (1, 6)" in capsys.readouterr().err.splitlines()[-1]
    assert main(["evaluate", run, "--data", "other.csv", "--json", "--market", "1"]) == 0
    assert capsys.readouterr().out == alone
