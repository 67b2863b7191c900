"""What was read is shown in two lines, once a run, wherever its user looks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from progressive_app.config.resolve import defaults
from progressive_front.cli import main
from progressive_market.bars.what_was_read import bars_line, features_line
from progressive_training import ProgressiveTrainer
from progressive_training.market import Bars, load_bars, synthetic_bars

TINY = {
    "SEQUENCE": ["Scalping", "Short"],
    "EPISODES": 1,
    "DATA": "bars.csv",
    "PARALLEL_EPISODES": 4,
    "EPISODE_BARS": 16,
    "BATCH_SIZE": 32,
    "UPDATES_PER_EPISODE": 1,
    "DEVICE": "cpu",
}
READ = [
    "bars: 2,950 of 1h from 2020-01-01 00:00 to 2020-05-04 23:00 UTC, BTCUSDT, 1 gap",
    "features: log_return, absolute_return, volume, range, lean, mood, average as a ratio to the close; left out: "
    "per (constant), memo (no number in more than half of the rows)",
]


def frame(count: int = 3_000) -> pd.DataFrame:
    """Hourly bars of a synthetic market."""
    bars = synthetic_bars(count, seed=0)
    columns = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    return pd.DataFrame({"time": pd.to_datetime(bars.time), **columns})


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with bars of every kind of column, and a gap."""
    bars = frame().assign(symbol="BTCUSDT", per=1.5)
    bars["mood"], bars["average"] = bars.index % 7, bars["close"].rolling(20).mean()
    bars["memo"] = np.where(bars.index % 5 == 0, bars.index % 13, np.nan)
    monkeypatch.chdir(tmp_path)
    bars.drop(index=range(1_000, 1_050)).to_csv("bars.csv", index=False)
    Path("config.json").write_text(json.dumps(TINY))
    return tmp_path


def of_reading(lines: list[str]) -> list[str]:
    """Those of `lines` that are about the bars, and no warning."""
    texts = [line.removeprefix("progressive-training: ") for line in lines]
    return [text for text in texts if text.startswith(("bars: ", "features: "))]


@pytest.mark.parametrize("flags", [[], ["--isolate"], ["-p", "no:console"]])
def test_the_command_line_shows_it(here: Path, capfd: pytest.CaptureFixture[str], flags: list[str]) -> None:
    assert main(["--run-dir", "mine", "-p", "no:report", *flags]) == 0
    printed = capfd.readouterr()
    assert of_reading(printed.out.splitlines() + printed.err.splitlines()) == READ


@pytest.mark.parametrize("isolate", [False, True])
def test_a_progress_callback_gets_it_and_nothing_else_does(
    here: Path, capfd: pytest.CaptureFixture[str], isolate: bool
) -> None:
    said: list[str] = []
    settings = {**defaults(), **TINY, "DATA": str(here / "bars.csv")}
    trainer = ProgressiveTrainer(said.append, settings=settings, run_dir=here / "mine", plugins=("no:report",))
    trainer.train_progressively(isolate=isolate)
    assert of_reading(said) == READ
    assert of_reading(capfd.readouterr().err.splitlines()) == []


def test_a_run_that_goes_on_shows_it_again_once_and_what_only_looks_at_it_does_not(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--run-dir", "mine", "-p", "no:report", "--set", 'SEQUENCE=["Scalping"]']) == 0
    capsys.readouterr()
    assert main(["--resume", "--run-dir", "mine", "--set", 'SEQUENCE=["Scalping","Short"]']) == 0
    printed = capsys.readouterr()
    assert of_reading(printed.out.splitlines() + printed.err.splitlines()) == READ
    assert main(["transfer-report", "mine"]) == 0
    assert main(["evaluate", "mine", "--data", "bars.csv"]) == 0
    printed = capsys.readouterr()
    assert of_reading(printed.out.splitlines() + printed.err.splitlines()) == []


def lines_of(bars: Bars) -> tuple[str, str]:
    """Both lines, with all extra columns for features."""
    return bars_line(bars), features_line(bars, tuple(bars.extra))


def test_merged_bars_and_a_made_up_market_say_so() -> None:
    assert "of 4h from 2020-01-01 00:00 to 2020-05-04 20:00 UTC, merged of bars of 1h" in bars_line(
        load_bars(frame(), "4h")
    )
    assert bars_line(synthetic_bars(500, seed=1)).endswith("UTC, a synthetic market")


def test_bars_of_seconds_keep_their_seconds() -> None:
    bars = frame(300)
    bars["time"] = pd.date_range("2024-01-31 10:00:10", periods=300, freq="5s")
    assert "300 of 5s from 2024-01-31 10:00:10 to 2024-01-31 10:25:05 UTC" in bars_line(load_bars(bars))


def test_a_bad_print_is_counted() -> None:
    bars = frame()
    bars.loc[700, ["open", "high", "low", "close"]] *= 10
    assert bars_line(load_bars(bars)).endswith(", 1 bad print left out")


def test_of_many_columns_some_are_named_and_the_others_counted() -> None:
    random = np.random.default_rng(0)
    used = {f"seen_{n}": random.normal(size=3_000) for n in range(40)}
    useless = {f"same_{n}": float(n) for n in range(30)}
    _, line = lines_of(load_bars(frame().assign(**used, **useless)))
    assert line.startswith("features: seen_0, ")
    assert "and 28 more; left out: same_0 (constant)" in line
    assert line.endswith(" and 18 more")
