"""`paper`: an account that a user keeps on a file that grows, and that no kill harms."""

import json
import os
import re
import shutil
import signal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pandas as pd
import pytest

from progressive_front.cli import main
from progressive_front.paper.paper_arguments import parser
from progressive_front.paper.run_paper import AskedPaper, run_paper
from progressive_front.paper.waiting_clock import Clock
from progressive_training import ModelError, ProgressiveTrainer, RunError, load_model
from progressive_training.market import synthetic_bars

ROOT = Path(__file__).resolve().parents[3]
SMALL = {
    "SEQUENCE": ["Scalping"],
    "SYNTHETIC_BARS": 3000,
    "HORIZON_RANGE": [4, 24],
    "EPISODES": 1,
    "UPDATES_PER_EPISODE": 2,
    "FEE": 1e-4,
    "DEVICE": "cpu",
}
HOUR = 3600 * 10**9


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("trained") / "mine"
    quiet = ["no:console", "no:report"]
    ProgressiveTrainer(lambda line: None, settings=SMALL, run_dir=run, plugins=quiet).train_progressively()
    return run


@pytest.fixture
def run(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The run in the working directory, without accounts."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(trained, tmp_path / "mine")
    write(600)
    return tmp_path / "mine"


def frame(count: int) -> pd.DataFrame:
    bars = synthetic_bars(700, seed=5).between(0, count)
    columns = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    return pd.DataFrame({"time": pd.to_datetime(bars.time, utc=True), **columns})


def write(count: int) -> None:
    frame(count).to_csv("feed.csv", index=False)


def paper(*more: str) -> int:
    return main(["paper", "mine", "--data", "feed.csv", "--policy", "strategy", *more])


def events(capsys: pytest.CaptureFixture[str], *more: str) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert paper("--json", *more) == 0
    seen = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [each for each in seen if each["event"] != "warning"]


def journal() -> Path:
    (file,) = Path("mine/paper").glob("*/journal.jsonl")
    return file


def asked(**changes: Any) -> AskedPaper:
    given = {"model": Path("mine"), "data": Path("feed.csv"), "follow": True, "policy": "strategy"}
    return AskedPaper(
        **{**dict.fromkeys(("bucket", "exchange", "symbol", "since", "name", "market")), **given, **changes}
    )


class Told(Clock):
    """A clock that does what it is told at each wait, and then hears Ctrl-C."""

    def __init__(self, *steps: Any) -> None:
        self.steps, self.time, self.jump = list(steps), frame(600)["time"].iloc[-1].value + HOUR, 0.0

    def now(self) -> int:
        return self.time

    def wait(self, seconds: float) -> float:
        if not self.steps:
            raise KeyboardInterrupt
        self.jump = 0.0
        self.time += round(seconds * 1e9)
        self.steps.pop(0)(self)
        return self.jump


def test_a_file_is_replayed_and_goes_on_where_it_grew(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = events(capsys)
    assert [each["event"] for each in first] == ["begun", *["bar"] * 600, "ended"]
    write(640)
    second = events(capsys)
    assert [each["event"] for each in second] == ["begun", *["bar"] * 40, "ended"]
    assert second[0]["goes_on"] and second[0]["orders"] == "none"
    expected = load_model("mine/models/Scalping", policy="strategy").trajectory(frame(640))
    bars = [each for each in first + second if each["event"] == "bar"]
    assert [each["action"] for each in bars] == expected["action"].tolist()
    assert [each["equity"] for each in bars] == [1.0, *expected["equity"].tolist()[:-1]]
    assert second[-1]["equity"] == expected["equity"].iloc[-1] and second[-1]["bars"] == 640
    assert events(capsys)[1]["event"] == "ended"  # nothing new
    picture = Path(second[-1]["picture"])
    assert picture == journal().with_name("account.svg")
    texts = [each.text for each in ET.parse(picture).iter("{http://www.w3.org/2000/svg}tspan")]
    assert [text for text in texts if f"equity {100 * expected['equity'].iloc[-1] - 100:+.1f} %" in str(text)]


def test_people_get_plain_lines_that_fit_and_say_how_to_go_on(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert paper("--from", "2020-01-20") == 0
    shown = capsys.readouterr().out
    assert "Scalping on feed.csv; no orders are sent; journal:" in shown
    assert "picture: mine/paper/Scalping-feed-strategy/account.svg" in shown
    assert "144 bars since 2020-01-20 00:00" in shown and "buy and hold" in shown
    assert "--from 2020-01-20" in shown.partition("go on: ")[2]
    assert "go on: progressive-training paper mine --data feed.csv --follow --policy strategy" in shown.replace(
        "\n ", ""
    )


@pytest.mark.parametrize("cut", [1, 3, 40, 300, 1200])
def test_a_kill_at_any_byte_loses_at_most_the_line_that_was_being_written(run: Path, cut: int) -> None:
    assert paper() == 0
    whole = journal().read_bytes()
    os.truncate(journal(), len(whole) - cut)
    assert paper() == 0
    assert journal().read_bytes() == whole
    os.truncate(journal(), cut % 41)  # within the first line
    assert paper() == 0
    assert journal().read_bytes() == whole


def test_what_is_no_continuation_is_one_line(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert paper() == 0
    whole = journal().read_bytes()
    journal().write_bytes(whole.replace(b'"open": ', b'"open": 1', 7))
    assert paper() == 2
    assert "damaged; cut the file off before it" in capsys.readouterr().err
    header, _, rows = whole.partition(b"\n")
    for edited in (whole.replace(b"1", b"2"), header + b"\n" + rows.replace(b"1", b"2"), b"hello\n" + rows, b"hello\n"):
        journal().write_bytes(edited)  # of all lines, or of all behind the first
        assert paper() == 2
        assert "journal.jsonl" in capsys.readouterr().err
        assert journal().read_bytes() == edited
    journal().write_bytes(whole)
    assert paper("--from", "2020-01-20") == 2
    assert "another --from (none, now 2020-01-20 00:00 UTC)" in capsys.readouterr().err
    frame(600).assign(time=lambda made: made["time"] + pd.Timedelta("400D")).to_csv("feed.csv", index=False)
    assert paper() == 2
    assert "holds no bar of 2020-01-25T23:00:00Z" in capsys.readouterr().err
    assert journal().read_bytes() == whole
    for flags, why in (
        ([], "either --data FILE or --exchange"),
        (["--exchange", "x", "--follow"], "--follow: goes"),
        (["--exchange", "x", "--market", "BTC"], "--market goes with --data"),
        (["--data", "feed.csv", "--symbol", "BTC/USDT"], "--symbol goes with --exchange"),
    ):
        assert main(["paper", "mine", *flags]) == 2
        assert why in capsys.readouterr().err


def test_bars_that_could_not_be_read_bind_no_account(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert paper("--market", "ETH") == paper("--data", "nothing.csv") == 2
    assert paper("--from", "2099-01-01") == paper() == 0
    (run / "paper" / "mine").write_text("in the way")
    capsys.readouterr()
    assert paper("--name", "mine") == 2
    assert "paper/mine: cannot be made" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["..", "../../elsewhere", "/elsewhere", "a b", "", "a\nb"])
def test_an_account_lies_in_its_run(run: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert paper("--name", name) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "--name is " in line
    assert not list(Path().rglob("journal.jsonl"))


def test_a_model_that_was_trained_again_does_not_go_on_with_the_account(run: Path) -> None:
    assert paper() == 0
    model = run / "models/Scalping/model.safetensors"
    model.write_bytes(model.read_bytes().replace(b"no edge", b"No edge", 1))
    with pytest.raises(RunError, match=r"another model, or one that was trained again .*--name NAME"):
        run_paper(asked(), {}, None, as_json=False)


def test_two_processes_do_not_keep_one_account(run: Path) -> None:
    def second(clock: Told) -> None:
        with pytest.raises(RunError, match="keeping this account"):
            run_paper(asked(), {}, None, as_json=False, clock=Told())

    assert run_paper(asked(), {}, None, as_json=False, clock=Told(second)) == 130


def test_it_follows_until_ctrl_c_through_a_sleep_a_stop_and_a_torn_file(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def grow(clock: Told) -> None:
        write(601)
        clock.time += HOUR

    def tear(clock: Told) -> None:
        Path("feed.csv").write_text("time,open\n")

    def sleep(clock: Told) -> None:
        write(630)
        clock.time += 29 * HOUR
        clock.jump = 29 * 3600.0

    def stop(clock: Told) -> None:
        clock.time += 3 * HOUR

    clock = Told(grow, tear, sleep, stop, stop)
    assert run_paper(asked(), {}, None, as_json=True, clock=clock) == 130
    seen = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["event"] for each in seen if each["event"] == "bar"] == ["bar"] * 630
    warnings = " ".join(each["text"] for each in seen if each["event"] == "warning")
    assert "feed.csv" in warnings and "the machine slept, or its clock was set" in warnings
    assert warnings.count("has not come") == 1
    assert seen[-1]["event"] == "ended" and seen[-1]["bars"] == 630


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_who_is_asked_to_end_sums_up_and_says_by_what(
    run: Path, capsys: pytest.CaptureFixture[str], number: int, status: int
) -> None:
    def end(clock: Told) -> None:
        os.kill(os.getpid(), number)

    handler = signal.getsignal(number)
    assert run_paper(asked(), {}, None, as_json=False, clock=Told(end)) == status
    assert signal.getsignal(number) == handler
    assert "600 bars since 2020-01-01 00:00 UTC" in capsys.readouterr().out


def test_each_outage_and_each_sleep_is_said(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def tear(clock: Told) -> None:
        Path("feed.csv").unlink(missing_ok=True)
        clock.jump = 7200.0

    def mend(clock: Told) -> None:
        write(601)

    assert run_paper(asked(), {}, None, as_json=True, clock=Told(tear, tear, mend, tear)) == 130
    seen = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    said = [each["text"] for each in seen if each["event"] == "warning"]
    assert sum("No such file" in text for text in said) == 2
    assert sum("the clock moved by 2 hours" in text for text in said) == 3


def test_what_is_summed_up_is_on_the_disk(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    assert paper() == 0
    write(640)
    with monkeypatch.context() as patch:
        patch.setattr("progressive_front.paper.paper_journal.PaperJournal.append", interrupted)
        assert paper("--json") == 130
    (ended,) = [line for line in capsys.readouterr().out.splitlines() if '"ended"' in line]
    assert json.loads(ended)["bars"] == 600
    assert events(capsys)[-1]["bars"] == 640


def test_there_is_no_code_that_could_send_an_order_and_no_flag_for_a_key() -> None:
    flags = {flag for action in parser()._actions for flag in action.option_strings}
    assert not {flag for flag in flags if re.search("key|secret|order|live", flag)}
    private = re.compile(
        r"\.(create|edit|cancel|submit|send|place)\w*order\w*|\bapi_?key\b|\bprivate_?(post|get|put|delete)|\bwithdraw\("
        r"|\.fetch_?(balance|my_?trades|positions)|\.set_?(leverage|margin)|\.sign\(",
        re.IGNORECASE,
    )
    assert private.search("exchange.createMarketOrder(") and private.search("exchange.private_post_order(")
    folders = ("progressive_training", "core", "buckets", "transfers", "plugins")
    files = [file for folder in folders for file in (ROOT / folder).rglob("*.py")]
    found = {file.name: each.group() for file in files if (each := private.search(file.read_text("utf-8")))}
    assert found == {}


class Broker:
    """An exchange of a stranger, whose newest bar but one is the newest that has closed."""

    name, timeframes = "broker", ("1h",)

    def __init__(self) -> None:
        self.bars, self.asked = 600, 0

    def market(self, symbol: str) -> str:
        return symbol

    def page(self, market: str) -> int:
        return 200

    def now(self) -> int:
        return int(frame(self.bars)["time"].iloc[-1].value // 10**6 + 3_600_000)

    def candles(self, market: str, timeframe: str, since: int | None, limit: int) -> list[list[float]]:
        made = frame(min(700, self.bars + 1))
        made["time"] = made["time"].astype("int64") // (10**6 if made["time"].dt.unit == "ns" else 1000)
        rows = made.values.tolist()
        self.asked += 1
        return rows[-limit:] if since is None else [row for row in rows if row[0] >= since][:limit]


def test_an_exchange_is_followed_from_its_newest_bar_on(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = Broker()
    monkeypatch.setattr("progressive_training.exchange_named", lambda name: broker, raising=False)

    def later(clock: Told) -> None:
        if clock.time >= start + (broker.bars - 599) * HOUR:
            broker.bars += 1

    exchange = asked(data=None, exchange="broker", symbol="BTC/USDT")
    clock = Told(*[later] * 9000)
    start = clock.time
    clock.steps = clock.steps[: 3 * 3602]
    assert run_paper(exchange, {}, None, as_json=True, clock=clock) == 130
    seen = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    bars = [each["time"] for each in seen if each["event"] == "bar"]
    assert bars == [time.strftime("%Y-%m-%dT%H:%M:%SZ") for time in frame(602)["time"].iloc[599:]]
    assert broker.asked < 60
    broker.bars += 5
    clock = Told()
    clock.time = start + 7 * HOUR
    assert run_paper(exchange, {}, None, as_json=True, clock=clock) == 130
    seen = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["event"] for each in seen if each["event"] == "bar"] == ["bar"] * 5
    assert seen[-1]["bars"] == 8


def test_a_model_of_another_kind_is_refused(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("progressive_front.paper.run_paper.load_model", lambda path, policy: object())
    with pytest.raises(ModelError, match="no ServedModel"):
        run_paper(asked(), {}, None, as_json=False)
