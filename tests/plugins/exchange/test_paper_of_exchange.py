"""`paper --exchange`: an account on the bars of an exchange, by the real ccxt."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from shutil import rmtree
from typing import Any

import pandas as pd
import pytest
from attrs import evolve
from loopback import BEGIN, HOUR, trade, traded_bars

from progressive_app.exchanges.closed_bars import patiently
from progressive_front.cli import main
from progressive_front.paper.bar_feeds import ExchangeFeed
from progressive_front.paper.waiting_clock import Clock
from progressive_training import DataError, load_model

NOW = 2_900
"""Hours since BEGIN when the account is begun."""


class Told(Clock):
    """A clock that the exchange goes by too. At each hour it does what it is told, and it hears Ctrl-C at the end of `hours`."""

    def __init__(self, exchanges: Any, begin: int, hours: int, told: dict[int, Callable[[], None]]) -> None:
        self.exchanges, self.told, self.end = exchanges, told, begin + hours
        self.set(BEGIN * 10**6 + round((begin - 0.1) * HOUR * 10**6))

    def set(self, time: int) -> None:
        self.time = time
        passed = time / 10**6 - BEGIN
        self.exchanges.hours = int(passed // HOUR) + 1
        self.exchanges.minutes = self.exchanges.hours * 60 - passed / 60_000

    def now(self) -> int:
        return self.time

    def wait(self, seconds: float) -> float:
        before = self.exchanges.hours
        self.set(self.time + round(seconds * 10**9))
        if self.exchanges.hours != before:
            self.told.get(self.exchanges.hours - 1, lambda: None)()
        if self.exchanges.hours > self.end:
            raise KeyboardInterrupt
        return 0.0


def followed(
    exchanges: Any,
    patch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    begin: int,
    hours: int,
    told: Any,
    symbol: str = "BTC/USDT",
    policy: str = "strategy",
) -> list[dict[str, Any]]:
    clock = Told(exchanges, begin, hours, told)
    patch.setattr("progressive_front.paper.run_paper.Clock", lambda: clock)
    patch.setattr("progressive_market.serving.served_bars.time_ns", clock.now)
    words = ("--exchange", "binance", "--symbol", symbol, "--policy", policy, "--json")
    assert main(["paper", "mine", *words]) == 130
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err
    return [json.loads(line) for line in printed.out.splitlines()]


def test_the_account_is_the_trajectory_through_outages_refusals_limits_and_a_restart(
    exchanges: Any, workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(workplace)
    monkeypatch.setattr("progressive_front.paper.following.MOST_WAIT", 4.0)
    trade(exchanges)
    busy, refused, out = (429, {"Retry-After": "9"}, "{}"), (451, {}, "{}"), [(503, {}, "")] * 20
    told = {
        2_902: lambda: exchanges.failures.append(busy),
        2_903: lambda: exchanges.failures.append(refused),
        2_905: lambda: exchanges.failures.extend(out),
        2_908: lambda: exchanges.failures.append(refused),
    }
    capsys.readouterr()
    first = followed(exchanges, monkeypatch, capsys, NOW, 10, told)
    second = followed(exchanges, monkeypatch, capsys, NOW + 30, 2, {})
    bars = [each for each in first + second if each["event"] == "bar"]
    table = traded_bars()[: NOW + 31].assign(time=lambda made: made["time"].dt.tz_localize("UTC"))
    assert [each["time"] for each in bars] == [f"{time:%Y-%m-%dT%H:%M:%SZ}" for time in table["time"][NOW - 2 :]]
    model = load_model("mine/models/Scalping", policy="strategy")
    expected = model.trajectory(table, table["time"].iloc[NOW - 2])
    assert [each["action"] for each in bars] == expected["action"].tolist()
    assert [each["equity"] for each in bars] == [1.0, *expected["equity"].tolist()[:-1]]
    assert second[0]["goes_on"] and second[-1]["equity"] == expected["equity"].iloc[-1]
    said = [each["text"] for each in first if each["event"] == "warning"]
    assert sum("refuses to answer from here (HTTP 451)" in text for text in said) == 2
    assert sum("cannot be reached (HTTP 503)" in text for text in said) >= 1
    assert exchanges.waits[0] == 9
    assert sum("klines" in asked for asked in exchanges.asked) < 90
    assert not any(re.search("signature|apikey|order|account", asked, re.IGNORECASE) for asked in exchanges.asked)


@pytest.mark.parametrize("answers", [True, False])
def test_an_account_goes_on_however_its_market_is_spelled(
    exchanges: Any, workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answers: bool
) -> None:
    def silent(*_: object) -> None:
        raise DataError("binance cannot be reached")

    monkeypatch.chdir(workplace)
    trade(exchanges)
    accounts = Path("mine/paper")
    with monkeypatch.context() as patch:  # without an answer the account is called as earlier versions called it
        patch.setattr("progressive_front.paper.bar_feeds.patiently", patiently if answers else silent)
        first = followed(exchanges, monkeypatch, capsys, NOW, 1, {}, "btcusdt", "verdict")
    for hour, symbol in enumerate(("BTC/USDT", "BTCUSDT", "btc-usdt"), 1):
        lines = followed(exchanges, monkeypatch, capsys, NOW + hour, 1, {}, symbol, "verdict")
        assert lines[0]["goes_on"] and lines[0]["journal"] == first[0]["journal"]
    (account,) = (each for each in accounts.iterdir() if each.name.endswith("-of-binance"))
    assert account.name == f"Scalping-{'BTC-USDT' if answers else 'btcusdt'}-of-binance"
    rmtree(account)


def test_what_an_exchange_cannot_give_is_one_line(
    exchanges: Any, workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(workplace)
    for words, why in (
        (("binance", "--symbol", "XRP/USDT"), "--symbol XRP/USDT: binance has no such market"),
        (("binanse",), "knows no exchange of this name. Did you mean 'binance'?"),
    ):
        assert main(["paper", "mine", "--exchange", *words]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert why in line


def test_bars_that_a_model_merges_are_asked_for_as_they_are_merged(exchanges: Any, workplace: Path) -> None:
    trade(exchanges)
    model = load_model(workplace / "mine/models/Scalping")
    model.card = evolve(model.card, interval_seconds=4 * 3600.0)
    exchanges.hours = 2_899  # the newest four hours are not whole
    bars = ExchangeFeed("binance", model, "Scalping", None).newest(300)
    assert (bars["time"].diff().dropna() == pd.Timedelta("1h")).all()
    assert 300 <= len(model.read(bars, "drop")) <= 301
