"""`signal`: what the models of a run decide now."""

import json
from contextlib import chdir
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from progressive_front.cli import main
from progressive_training import load_model
from progressive_training.market import synthetic_bars
from progressive_training.presentation import percent

TINY = {
    "SEQUENCE": ["Scalping", "Short"],
    "EPISODES": 1,
    "DATA": "trained.csv",
    "PARALLEL_EPISODES": 4,
    "EPISODE_BARS": 16,
    "BATCH_SIZE": 32,
    "UPDATES_PER_EPISODE": 1,
    "DEVICE": "cpu",
}
END = pd.Timestamp("2020-05-05")
"""When the last bar of `now.csv` closes."""


def frame(count: int) -> pd.DataFrame:
    """Hourly bars of a synthetic market with a column `mood`."""
    bars = synthetic_bars(count, seed=0)
    columns = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    made = pd.DataFrame({"time": pd.to_datetime(bars.time), **columns})
    return made.assign(mood=made.index % 7)


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with `mine`, a finished run of two buckets, and `now.csv`, which ends before the run's bars do."""
    directory = tmp_path_factory.mktemp("workplace")
    with chdir(directory):
        frame(3_600).to_csv("trained.csv", index=False)
        frame(3_000).to_csv("now.csv", index=False)
        Path("config.json").write_text(json.dumps(TINY))
        assert main(["--run-dir", "mine", "-p", "no:report", "-p", "no:console"]) == 0
    return directory


@pytest.fixture(autouse=True)
def _here(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workplace)


def set_clock(monkeypatch: pytest.MonkeyPatch, time: pd.Timestamp) -> None:
    """Have it be this time."""
    monkeypatch.setattr("progressive_market.serving.served_bars.time_ns", lambda: time.value)
    monkeypatch.setattr("progressive_front.commands.show_signal.time_ns", lambda: time.value)


def signals(capsys: pytest.CaptureFixture[str], *flags: str) -> list[dict[str, Any]]:
    """What `signal` answers in JSON."""
    capsys.readouterr()
    assert main(["signal", "mine", "--json", *flags]) == 0
    answers: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return answers


@pytest.mark.parametrize("position", ["flat", "long", "short"])
def test_it_is_what_each_model_answers(capsys: pytest.CaptureFixture[str], position: Any) -> None:
    answers = signals(capsys, "--data", "now.csv", "--position", position)
    assert [answer["bucket"] for answer in answers] == ["Scalping", "Short"]
    for answer in answers:
        expected = load_model(Path("mine/models") / answer["bucket"])("now.csv", position)
        assert (answer["action"], answer["reason"]) == (expected.action, expected.reason)
        assert answer["time"] == expected.time.isoformat() == "2020-05-04T23:00:00+00:00"
        assert answer["values"] == {action: percent(gain) for action, gain in expected.values.items()}
        assert answer["predictions"] == {str(bars): percent(value) for bars, value in expected.predictions.items()}
        assert "per cent" in answer["prediction_unit"] and "per cent" in answer["value_unit"]
        assert (answer["bars"], answer["first"]) == (3_000, "2020-01-01T00:00:00+00:00")
    assert signals(capsys, "--data", "now.csv", "--position", position, "--bucket", "Short") == answers[1:]
    assert main(["signal", "mine/Short", "--data", "now.csv", "--position", position, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == answers[1:]


def test_nothing_is_held_unless_it_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    flat, long = (signals(capsys, "--data", "now.csv", *flags) for flags in ([], ["--position", "long"]))
    assert flat == signals(capsys, "--data", "now.csv", "--position", "flat")
    assert all(before["values"] != after["values"] for before, after in zip(flat, long, strict=True))


def test_people_get_a_row_for_each_bucket_and_what_was_read(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_clock(monkeypatch, END)
    assert main(["signal", "mine", "--data", "now.csv"]) == 0
    header, scalping, short, *read = capsys.readouterr().out.splitlines()
    assert header.split() == ["BUCKET", "NEWEST", "CLOSED", "BAR", "ACTION", "REASON", "EXPECTED"]
    assert scalping.startswith("Scalping  2020-05-04 23:00 UTC  flat    no edge shown  ")
    assert scalping.endswith(" % in 72 bars") and short.endswith(" % in 144 bars")
    words = " ".join(" ".join(read).split())
    assert words == "read: 3,000 closed bars of now.csv, from 2020-01-01 00:00 UTC to 2020-05-04 23:00 UTC"


def test_a_bar_that_is_forming_is_left_out(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    frame(3_000)[:-1].to_csv("before.csv", index=False)
    set_clock(monkeypatch, END - pd.Timedelta("1s"))
    before = signals(capsys, "--data", "before.csv")
    assert signals(capsys, "--data", "now.csv") == before
    set_clock(monkeypatch, END)
    assert signals(capsys, "--data", "now.csv")[0]["last"] == "2020-05-04T23:00:00+00:00"


def test_with_little_history_the_answer_is_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    frame(3_000)[-500:].to_csv("short.csv", index=False)
    (answer,) = signals(capsys, "--data", "short.csv", "--bucket", "Short")
    assert "500 bars of history, and 1,959 give the decision that was evaluated" in answer["warnings"][0]
    assert main(["signal", "mine", "--data", "short.csv"]) == 0
    assert "warning: Scalping, Short: 500 bars of history" in capsys.readouterr().out


def test_one_market_of_a_file_is_decided_on(capsys: pytest.CaptureFixture[str]) -> None:
    one = frame(3_000)
    both = [one.assign(symbol="BTCUSDT"), one.assign(symbol="ETHUSDT", close=one["low"], open=one["low"])]
    pd.concat(both).to_csv("both.csv", index=False)
    assert main(["signal", "mine", "--data", "both.csv"]) == 2
    assert "BTCUSDT, ETHUSDT" in capsys.readouterr().err.splitlines()[-1]
    answers = signals(capsys, "--data", "both.csv", "--market", "BTCUSDT")
    assert answers == [{**answer, "market": "BTCUSDT"} for answer in signals(capsys, "--data", "now.csv")]
    assert main(["signal", "mine", "--data", "both.csv", "--market", "XRP"]) == 2
    assert "no market 'XRP'" in capsys.readouterr().err.splitlines()[-1]


def test_a_feed_that_has_stopped_is_warned_of(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_clock(monkeypatch, END + pd.Timedelta("59min"))
    assert signals(capsys, "--data", "now.csv")[0]["warnings"] == []
    set_clock(monkeypatch, END + pd.Timedelta("3h"))
    assert signals(capsys, "--data", "now.csv")[0]["warnings"] == ["the newest closed bar ended 0 days 03:00:00 ago"]


@pytest.mark.parametrize(
    ("flags", "fact"),
    [
        (["mine"], "give either --data FILE or --exchange NAME"),
        (["mine", "--data", "now.csv", "--exchange", "binance"], "give either --data FILE or --exchange NAME"),
        (["mine", "--data", "now.csv", "--symbol", "BTC/USDT"], "--symbol goes with --exchange"),
        (["mine", "--exchange", "binance", "--market", "BTC"], "--market goes with --data"),
        (
            ["mine", "--exchange", "binance"],
            "was trained with the column mood, and an exchange gives prices and volume alone",
        ),
        (["none", "--data", "now.csv"], "no run 'none'"),
        (["mine", "--data", "now.csv", "--bucket", "Shrt"], "no result of 'Shrt'. Did you mean 'Short'?"),
        (["mine/Shrt", "--data", "now.csv"], "no result of 'Shrt'. Did you mean 'Short'?"),
        (
            ["mine/Short", "--data", "now.csv", "--bucket", "Scalping"],
            "--bucket Scalping: mine/Short names bucket 'Short'",
        ),
        (["mine/models", "--data", "now.csv"], "expected the run itself, mine"),
        (["mind/Short", "--data", "now.csv"], "no run 'mind/Short'"),
        (["mine", "--data", "now.csv", "--position", "up"], "--position: invalid choice: 'up'"),
        (["mine", "--data", "now.csv", "--set", "FEE=0"], "signal takes RUNS_DIR and MARKET"),
        (["mine", "--data", "none.csv"], "none.csv: cannot be read"),
        (["mine", "--data", "moodless.csv"], "moodless.csv lacks the columns mood"),
        (["mine", "--data", "few.csv"], "few.csv: Scalping model: 20 bars, at least 25 are needed"),
        (["mine", "--data", "daily.csv"], "daily.csv: Scalping model: trained on bars of 3600 seconds"),
    ],
)
def test_what_cannot_be_decided_on_is_refused_in_one_line(
    capsys: pytest.CaptureFixture[str], flags: list[str], fact: str
) -> None:
    frame(3_000).drop(columns="mood").to_csv("moodless.csv", index=False)
    frame(20).to_csv("few.csv", index=False)
    days = frame(100)
    days.assign(time=pd.date_range("2020-01-01", periods=100)).to_csv("daily.csv", index=False)
    capsys.readouterr()
    assert main(["signal", *flags]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert fact in line


def test_bars_of_the_future_are_refused(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    set_clock(monkeypatch, pd.Timestamp("2019-12-31"))
    assert main(["signal", "mine", "--data", "now.csv"]) == 2
    assert "now.csv" in (line := capsys.readouterr().err.splitlines()[-1])
    assert "begins at 2020-05-04T23:00:00Z, and it is 2019-12-31" in line
