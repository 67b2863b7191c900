"""`download`, by the real ccxt from exchanges on 127.0.0.1."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from loopback import BEGIN, HOUR, Exchanges, candle, point_to, served

from progressive_front.cli import main
from progressive_training import load_bars

BINANCE = ("--exchange", "binance", "--symbol", "BTC/USDT", "--timeframe", "1h")
SINCE = ("--since", "2020-01-01")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def download(*arguments: str) -> int:
    return main(["download", *arguments])


def line_of(capsys: pytest.CaptureFixture[str]) -> str:
    printed = capsys.readouterr()
    (line,) = printed.err.splitlines()
    return str(line)


def rows(file: str) -> list[list[float]]:
    bars = load_bars(file)
    arrays = (bars.time // 1_000_000, bars.open, bars.high, bars.low, bars.close, bars.volume)
    return [list(row) for row in zip(*(each.tolist() for each in arrays), strict=True)]


@pytest.mark.parametrize("suffix", ["csv", "parquet", "feather"])
def test_every_closed_bar_is_there_and_the_file_is_continued(
    exchanges: Any, capsys: pytest.CaptureFixture[str], suffix: str
) -> None:
    out = f"bars.{suffix}"
    exchanges.hours = 2_300
    assert download(*BINANCE, *SINCE, "--out", out) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "2,299 bars of BTC/USDT 1h of binance from 2020-01-01 00:00 UTC to 2020-04-05 18:00 UTC in bars" in said
    assert rows(out) == [candle(hour) for hour in range(2_299)]
    assert load_bars(out).report.market == "BTC/USDT"
    assert sum("klines" in asked for asked in exchanges.asked) == 4  # where it ends, and three pages of a thousand
    exchanges.hours = 2_310
    exchanges.asked.clear()
    assert download(*BINANCE, "--out", out) == 0
    assert sum("klines" in asked for asked in exchanges.asked) == 2
    assert "10 of them new" in " ".join(capsys.readouterr().out.split())
    assert rows(out) == [candle(hour) for hour in range(2_309)]
    assert sorted(file.name for file in Path().iterdir()) == [out]
    assert not any("signature" in asked or "apikey" in asked.lower() for asked in exchanges.asked)


@pytest.mark.parametrize(("name", "first"), [("bitfinex", 0), ("kraken", 70)])
def test_other_habits_of_paging_come_to_the_same(
    exchanges: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str, first: int
) -> None:
    monkeypatch.setattr("progressive_integrations.exchange.ccxt_exchange.time", lambda: exchanges.now / 1000)
    asked = ("--exchange", name, "--symbol", "btc-usd", "--timeframe", "1h", "--out", "bars.csv")
    assert download(*asked, *SINCE) == 0
    assert rows("bars.csv") == [candle(hour) for hour in range(first, 99)]
    assert ("the exchange gives none before" in " ".join(capsys.readouterr().out.split())) == (first > 0)


def test_gaps_are_named_and_until_ends_it(exchanges: Any, capsys: pytest.CaptureFixture[str]) -> None:
    exchanges.absent = {20, 21, 22, 50}
    assert download(*BINANCE, *SINCE, "--until", "2020-01-04", "--out", "bars.csv") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "68 bars of BTC/USDT 1h of binance from 2020-01-01 00:00 UTC to 2020-01-03 23:00 UTC" in said
    assert "gaps: 2, 4 bars missing: 3 from 2020-01-01 20:00 UTC, 1 from 2020-01-03 02:00 UTC" in said


def test_bars_without_a_price_are_left_out_also_of_a_file_that_has_them(
    exchanges: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    unpriced = {20: "", 21: "0", 50: "nan", 97: "", 98: "", 99: ""}  # the newest ones too, one of them forming

    def bars(base: str, since: int | None, limit: int, own: Any = exchanges.bars) -> Any:
        hours = [(row, (row[0] - BEGIN) // HOUR) for row in own(base, since, limit)]
        return [[row[0], *([unpriced[hour]] * 4), row[5]] if hour in unpriced else row for row, hour in hours]

    exchanges.bars = bars
    assert download(*BINANCE, *SINCE, "--out", "bars.csv") == 0
    printed = capsys.readouterr()
    assert "94 bars of BTC/USDT 1h" in printed.out
    assert "gaps: 2, 3 bars missing" in " ".join(printed.out.split())
    assert "5 of its bars of BTC/USDT have no price, first that of 2020-01-01 20:00 UTC: left out" in printed.err
    assert rows("bars.csv") == [candle(hour) for hour in range(99) if hour not in unpriced]

    table = pd.read_csv("bars.csv")
    table.loc[[3, len(table) - 1], "close"] = float("nan")  # as earlier versions kept it
    table.to_csv("bars.csv", index=False)
    unpriced.clear()
    exchanges.hours = 110
    assert download(*BINANCE, "--out", "bars.csv") == 0
    assert rows("bars.csv") == [candle(hour) for hour in range(109) if hour not in {3, 20, 21, 50}]


def test_a_long_quiet_stretch_is_passed(exchanges: Any) -> None:
    exchanges.hours, exchanges.absent = 2_600, set(range(100, 2_400))

    def windows(base: str, since: int | None, limit: int, own: Any = exchanges.bars) -> Any:
        return (
            own(base, since, limit)
            if since is None
            else [r for r in own(base, since, limit) if r[0] < since + limit * HOUR]
        )

    exchanges.bars = windows
    assert download(*BINANCE, *SINCE, "--out", "bars.csv") == 0
    assert len(pd.read_csv("bars.csv")) == 299


@pytest.mark.parametrize("cut", [0, 60_000, None])
def test_whatever_a_kill_leaves_is_gone_on_with(
    exchanges: Any, monkeypatch: pytest.MonkeyPatch, cut: int | None
) -> None:
    exchanges.hours = 2_300
    exchanges.failures = []

    def killed(*_: object) -> None:
        raise SystemError

    with (
        monkeypatch.context() as patch
    ):  # as a kill between the last page and the file: nothing after this line is done
        patch.setattr("progressive_front.download.bars_file.BarsFile.put", killed)
        assert download(*BINANCE, *SINCE, "--out", "bars.csv") == 1
    pages = Path(".bars.csv.pages")
    os.truncate(pages, pages.stat().st_size - 7 if cut is None else cut)
    exchanges.asked.clear()
    assert download(*BINANCE, *SINCE, "--out", "bars.csv") == 0
    assert rows("bars.csv") == [candle(hour) for hour in range(2_299)]
    if cut is None:
        assert sum("klines" in asked for asked in exchanges.asked) == 2
    assert sorted(file.name for file in Path().iterdir()) == ["bars.csv"]


CHILD = """
import sys
sys.path.insert(0, {here!r})
import pytest
from loopback import point_to
point_to({address!r}, pytest.MonkeyPatch())
from progressive_front.cli import main
sys.exit(main(["download", *sys.argv[1:]]))
"""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_what_was_fetched_before_a_signal_is_in_the_file(
    exchanges: Any, capsys: pytest.CaptureFixture[str], number: signal.Signals, status: int
) -> None:
    exchanges.hours = 2_300

    def stop() -> None:
        if sum("klines" in asked for asked in exchanges.asked) == 4:
            os.kill(os.getpid(), number)

    exchanges.before_answer = stop
    handlers = signal.getsignal(number)
    assert download(*BINANCE, *SINCE, "--out", "bars.csv") == status
    assert signal.getsignal(number) == handlers
    printed = capsys.readouterr()
    assert printed.out.startswith("stopped; 2,000 bars of BTC/USDT 1h") and printed.err == ""
    assert rows("bars.csv") == [candle(hour) for hour in range(2_000)]
    exchanges.asked.clear()
    assert download(*BINANCE, "--out", "bars.csv") == 0
    assert sum("klines" in asked for asked in exchanges.asked) == 2
    assert rows("bars.csv") == [candle(hour) for hour in range(2_299)]


def test_a_kill_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    exchanges = Exchanges(2_300)
    children: list[subprocess.Popen[str]] = []

    def stop() -> None:
        if children and sum("klines" in asked for asked in exchanges.asked) == 4:
            children.pop().kill()

    exchanges.before_answer = stop
    with served(exchanges) as address:
        code = CHILD.format(here=str(Path(__file__).parent), address=address)
        words = [sys.executable, "-c", code, *BINANCE, *SINCE, "--out", "bars.csv"]
        child = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        children.append(child)
        _, err = child.communicate(timeout=60)
        assert child.returncode == -signal.SIGKILL, err
        assert [file.name for file in Path().iterdir()] == [".bars.csv.pages"]
        point_to(address, monkeypatch)
        exchanges.asked.clear()
        assert download(*BINANCE, *SINCE, "--out", "bars.csv") == 0
        assert sum("klines" in asked for asked in exchanges.asked) == 2
    assert rows("bars.csv") == [candle(hour) for hour in range(2_299)]


def test_two_downloads_do_not_write_to_one_file(exchanges: Any, capsys: pytest.CaptureFixture[str]) -> None:
    ended: list[int] = []

    def another() -> None:
        if "klines" in exchanges.asked[-1] and not ended:
            ended.append(-1)
            ended[0] = main(["download", *BINANCE, *SINCE, "--out", "bars.csv"])

    exchanges.before_answer = another
    assert download(*BINANCE, *SINCE, "--out", "bars.csv") == 0
    assert ended == [2]
    assert "bars.csv: another download is writing to it" in capsys.readouterr().err
    assert len(rows("bars.csv")) == 99


def test_a_disk_that_takes_no_more_is_one_line(
    exchanges: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pandas.DataFrame.to_csv", full)
    assert download(*BINANCE, *SINCE, "--out", "bars.csv") == 2
    assert "bars.csv: cannot be written (No space left on device); what was fetched stays beside it" in line_of(capsys)


def test_what_was_fetched_before_an_error_is_kept(exchanges: Any, capsys: pytest.CaptureFixture[str]) -> None:
    exchanges.hours = 2_300

    def fail() -> None:
        if sum("klines" in asked for asked in exchanges.asked) == 3:
            exchanges.failures = [(451, {}, "{}")]

    exchanges.before_answer = fail
    assert download(*BINANCE, *SINCE, "--out", "bars.csv") == 2
    printed = capsys.readouterr()
    assert printed.out.startswith("ended early; 1,000 bars")
    assert "binance refuses to answer from here (HTTP 451)" in printed.err
    assert rows("bars.csv") == [candle(hour) for hour in range(1_000)]


def test_a_bar_of_the_future_hides_none_of_those_before_it(exchanges: Any) -> None:
    own = exchanges.bars
    exchanges.bars = lambda base, since, limit: [*own(base, since, 30), [exchanges.now + 500 * HOUR, *candle(5)[1:]]]
    assert download(*BINANCE, *SINCE, "--out", "bars.csv") == 0
    assert rows("bars.csv") == [candle(hour) for hour in range(99)]


def test_an_exchange_that_gives_no_bars_up_to_its_newest_is_no_success(
    exchanges: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    own = exchanges.bars
    exchanges.bars = lambda base, since, limit: own(base, since if since is None else candle(0)[0], min(limit, 30))
    assert download(*BINANCE, *SINCE, "--out", "bars.csv") == 2
    printed = capsys.readouterr()
    assert printed.out.startswith("ended early; 30 bars")
    assert "is of 2020-01-05 02:00 UTC, and it gives none behind 2020-01-02 05:00 UTC" in printed.err


@pytest.mark.parametrize("line", ["[1577836800000, 1, 2]", "5", '["x", 1, 2, 3, 4, 5]', "[1e30, 1, 2, 3, 4, 5]"])
def test_pages_that_hold_no_bars_are_damaged(exchanges: Any, capsys: pytest.CaptureFixture[str], line: str) -> None:
    for head in ('{"exchange": "binance", "market": "BTC/USDT", "timeframe": "1h"}', line):
        Path(".bars.csv.pages").write_text(f"{head}\n{line}\n")
        assert download(*BINANCE, *SINCE, "--out", "bars.csv") == 2
        assert ".bars.csv.pages: damaged" in line_of(capsys)
        assert not Path("bars.csv").exists()


def test_a_corrected_bar_is_taken_and_bars_of_another_market_are_refused(
    exchanges: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert download(*BINANCE, *SINCE, "--out", "bars.csv") == 0
    table = pd.read_csv("bars.csv")
    table.loc[98, "close"] = 1.0
    table.to_csv("bars.csv", index=False)
    assert download(*BINANCE, "--out", "bars.csv") == 0
    assert rows("bars.csv")[-1] == candle(98)
    capsys.readouterr()
    for change, fact in (
        ({"close": 7000.0}, "24 of its newest 24 bars are not those of BTC/USDT 1h of binance"),
        ({"symbol": "ETH/USDT"}, "holds bars of ETH/USDT, and not of BTC/USDT"),
        (
            {"time": pd.date_range("2020-01-01", periods=99, freq="D").strftime("%Y-%m-%d")},
            "86400 seconds long, and not 1h",
        ),
        ({"mood": 1}, "is no file of a download"),
        ({"symbol": ["BTC/USDT"] * 98 + [None]}, "holds bars of BTC/USDT, nan, and not of BTC/USDT alone"),
        (
            {"time": pd.date_range("2030-01-01", periods=99, freq="h").strftime("%Y-%m-%dT%H:%M:%SZ")},
            "is in the future",
        ),
    ):
        table.assign(**change).to_csv("other.csv", index=False)
        before = Path("other.csv").read_bytes()
        assert download(*BINANCE, "--out", "other.csv") == 2
        assert fact in line_of(capsys)
        assert Path("other.csv").read_bytes() == before
    Path("none.parquet").write_bytes(b"PAR1")
    assert download(*BINANCE, "--out", "none.parquet") == 2
    assert "is no file of a download" in line_of(capsys)


@pytest.mark.parametrize(
    ("arguments", "fact"),
    [
        ((*BINANCE, *SINCE, "--out", "bars.xlsx"), "expected a name that ends in .csv, .parquet or .feather"),
        ((*BINANCE, *SINCE, "--out", "none/bars.csv"), "there is no directory none"),
        ((*BINANCE, "--out", "bars.csv"), "--since TIME must say where to begin"),
        ((*BINANCE, "--since", "07/01/2020", "--out", "bars.csv"), "expected a day or a time"),
        ((*BINANCE, *SINCE, "--until", "2019-01-01", "--out", "bars.csv"), "is not after --since"),
        (
            (*BINANCE, "--since", "2030-01-01", "--out", "bars.csv"),
            "--since is of 2030-01-01 00:00 UTC, which is in the future",
        ),
        ((*BINANCE[:3], "ETH/BTC", *BINANCE[4:], *SINCE, "--out", "bars.csv"), "binance has no such market"),
        ((*BINANCE[:5], "90m", *SINCE, "--out", "bars.csv"), "binance gives no such bars"),
    ],
)
def test_what_cannot_be_fetched_is_one_line(
    exchanges: Any, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], fact: str
) -> None:
    assert download(*arguments) == 2
    assert fact in line_of(capsys)
    assert sorted(file.name for file in Path().iterdir()) == []


def test_nothing_in_that_time_writes_nothing(exchanges: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert download(*BINANCE, "--since", "2020-01-05T03:00", "--out", "bars.csv") == 0
    assert "no bars of BTC/USDT 1h of binance in that time; nothing is written" in capsys.readouterr().out
    assert sorted(file.name for file in Path().iterdir()) == []
