"""The newest bars of an exchange, by the real ccxt."""

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from loopback import BEGIN, HOUR, candle

from progressive_training import ConfigError, DataError, PluginError, TryLater, exchange_named, load_bars, newest_bars


@pytest.mark.parametrize(("name", "symbol"), [("binance", "BTC/USDT"), ("bitfinex", "BTC/USD"), ("kraken", "BTC/USD")])
def test_the_newest_closed_bars_come_from_any_exchange(
    exchanges: Any, monkeypatch: pytest.MonkeyPatch, name: str, symbol: str
) -> None:
    monkeypatch.setattr(
        "progressive_integrations.exchange.ccxt_exchange.time", lambda: exchanges.now / 1000
    )  # bitfinex does not tell it
    bars = newest_bars(exchange_named(name), symbol, "1h", 20)
    expected = [candle(hour) for hour in range(79, 99)]  # that of hour 99 is forming
    assert bars[["open", "high", "low", "close", "volume"]].to_numpy().tolist() == [row[1:] for row in expected]
    assert bars["time"].tolist() == [pd.Timestamp(row[0], unit="ms", tz="UTC") for row in expected]
    read = load_bars(bars)
    assert (read.report.market, len(read), read.report.gaps) == (symbol, 20, 0)


def test_bars_without_prices_are_refused_by_the_name_of_their_market(exchanges: Any) -> None:
    own = exchanges.bars
    exchanges.bars = lambda *asked: [[row[0], None, *row[2:]] for row in own(*asked)]
    with pytest.raises(DataError, match=r"^binance: no closed bar of BTC/USDT with a price in the last 5 of 1h"):
        newest_bars(exchange_named("binance"), "BTC/USDT", "1h", 5)


def test_a_bar_counts_as_closed_by_the_clock_of_the_exchange(exchanges: Any) -> None:
    for minutes, last in ((1, 98), (0, 99), (-59, 99)):
        exchanges.minutes = minutes
        bars = newest_bars(exchange_named("binance"), "BTCUSDT", "1h", 3)
        assert bars["time"].iloc[-1] == pd.Timestamp(BEGIN + last * HOUR, unit="ms", tz="UTC")


@pytest.mark.parametrize(
    ("status", "headers", "body", "wait"),
    [
        (429, {"Retry-After": "17"}, '{"code":-1003,"msg":"Too many requests"}', 17),
        (429, {"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}, "{}", 1),
        (418, {"Retry-After": "44"}, '{"code":-1003,"msg":"banned"}', 44),
        (503, {}, "<html>busy</html>", 1),
        (200, {}, "<html>no json</html>", None),
    ],
)
def test_an_exchange_that_wants_peace_gets_it_and_is_asked_again(
    exchanges: Any, capsys: pytest.CaptureFixture[str], status: int, headers: Any, body: str, wait: int | None
) -> None:
    exchanges.failures = [(status, headers, body)]
    if wait is None:
        with pytest.raises((DataError, PluginError), match="binance"):
            newest_bars(exchange_named("binance"), "BTC/USDT", "1h", 5)
        return
    assert len(newest_bars(exchange_named("binance"), "BTC/USDT", "1h", 5)) == 5
    assert exchanges.waits == [wait]


def test_an_exchange_that_never_answers_is_given_up_in_one_line(exchanges: Any) -> None:
    exchanges.failures = [(503, {}, "")] * 20
    with pytest.raises(TryLater, match=r"^binance cannot be reached \(HTTP 503\)\. Try again later$"):
        newest_bars(exchange_named("binance"), "BTC/USDT", "1h", 5)
    assert exchanges.waits == [1, 2, 4, 8, 16, 32]
    exchanges.failures, exchanges.waits[:] = [(429, {"Retry-After": "7200"}, "{}")], []
    with pytest.raises(TryLater, match="asks to be left alone for 7200 s"):
        newest_bars(exchange_named("binance"), "BTC/USDT", "1h", 5)
    assert exchanges.waits == []


@pytest.mark.parametrize(
    ("exchange", "symbol", "timeframe", "line"),
    [
        ("binanse", "BTC/USDT", "1h", r"knows no exchange of this name\. Did you mean 'binance'\?$"),
        ("binance", "BTX/USDT", "1h", r"binance has no such market\. Did you mean 'BTC/USDT'\?"),
        ("binance", "BTC/EUR", "1h", r"Of BTC there are: BTC/USDT$"),
        ("binance", "BTC/USDT", "7h", r"binance gives no such bars\..* There are: 1s, 1m, .*1w$"),
        ("binance", "BTC/USDT", "1M", r"Bars of a month or a year are not all as long"),
    ],
)
def test_what_an_exchange_does_not_have_is_one_line(
    exchanges: Any, exchange: str, symbol: str, timeframe: str, line: str
) -> None:
    with pytest.raises(ConfigError, match=line):
        newest_bars(exchange_named(exchange), symbol, timeframe, 5)


def test_a_refused_country_is_not_asked_again(exchanges: Any) -> None:
    exchanges.failures = [(451, {}, '{"code":0,"msg":"Service unavailable from a restricted location"}')]
    with pytest.raises(DataError, match=r"binance refuses to answer from here \(HTTP 451\)"):
        newest_bars(exchange_named("binance"), "BTC/USDT", "1h", 5)
    assert exchanges.waits == []


def test_no_network_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    from loopback import point_to

    monkeypatch.setattr("progressive_app.exchanges.closed_bars.sleep", lambda _: None)
    point_to("http://127.0.0.1:9", monkeypatch)
    with pytest.raises(TryLater, match=r"^binance cannot be reached \(no connection\)\. Try again later$"):
        newest_bars(exchange_named("binance"), "BTC/USDT", "1h", 5)


def test_without_ccxt_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ccxt", None)
    with pytest.raises(
        PluginError, match=r"^--exchange binance needs ccxt: pip install 'progressive-training\[live\]'$"
    ):
        exchange_named("binance")


def test_no_method_that_needs_a_key_is_named() -> None:
    import ccxt

    from progressive_integrations.exchange import ccxt_exchange

    source = Path(ccxt_exchange.__file__).read_text("utf-8")
    used = set(re.findall(r"self\._made\.(\w+)", source))
    assert used == {"load_markets", "feature_value", "has", "fetch_time", "fetch_ohlcv"}
    private = {
        name
        for name in dir(ccxt.binance)
        if re.search("order|trade|withdraw|transfer|balance|private|sapi", name.lower())
    }
    assert len(private) > 100
    assert not {name for name in private if re.search(rf"\b{name}\b", source)}
    assert not re.search("apiKey|secret|password|environ", source)
