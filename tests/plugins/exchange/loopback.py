"""Three exchanges on 127.0.0.1, as ccxt speaks to them: binance, which gives bars from a time on, bitfinex, whose clock is not known, and
kraken, which gives the newest alone. What they answer is made up in their formats, and failures are handed to them beforehand."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import ccxt
import pandas as pd
import pytest

from progressive_training.market import synthetic_bars

HOUR = 3_600_000
BEGIN = 1_577_836_800_000  # 2020-01-01
TRADED = 3_000
"""Hours of `traded_bars`."""
LISTED = {"BTC": "USDT", "ETH": "USDT"}


def candle(hour: int, base: str = "BTC") -> list[float]:
    """Time, open, high, low, close, volume of the bar of that hour since BEGIN, the same in each call."""
    worth = {"BTC": 7000, "ETH": 130}[base]
    opened, closed = (worth * (1 + ((each * 7919) % 101) / 5000) for each in (hour, hour + 1))
    spread = worth / 1000
    return [
        BEGIN + hour * HOUR,
        opened,
        max(opened, closed) + spread,
        min(opened, closed) - spread,
        closed,
        1.5 + hour % 7,
    ]


class Exchanges:
    """What the server knows: `hours` of bars but those `absent`, the last of which is forming `minutes` before its end.

    `failures`: status, headers and body of what is answered to the next requests for bars in place of bars. `asked`: every
    request's path with its query, in order.
    """

    def __init__(self, hours: int = 100) -> None:
        self.hours, self.absent, self.minutes = hours, set[int](), 30.0
        self.failures: list[tuple[int, dict[str, str], str]] = []
        self.asked: list[str] = []
        self.before_answer: Any = lambda: None

    @property
    def now(self) -> int:
        return BEGIN + self.hours * HOUR - int(self.minutes * 60_000)

    def bars(self, base: str, since: int | None, limit: int) -> list[list[float]]:
        rows = [candle(hour, base) for hour in range(self.hours) if hour not in self.absent]
        return rows[-limit:] if since is None else [row for row in rows if row[0] >= since][:limit]

    def answer(self, path: str, asked: dict[str, str]) -> Any:
        if path == "/api/v3/time":
            return {"serverTime": self.now}
        if path == "/api/v3/exchangeInfo":
            return {"symbols": [_binance(base, quote) for base, quote in LISTED.items()]}
        if path in {"/fapi/v1/exchangeInfo", "/dapi/v1/exchangeInfo"}:
            return {"symbols": []}
        if path == "/api/v3/klines":
            rows = self.bars(asked["symbol"][:3], _whole(asked.get("startTime")), min(int(asked["limit"]), 1000))
            return [[*row[:1], *map(str, row[1:]), row[0] + HOUR - 1, "0", 5, "0", "0", "0"] for row in rows]
        if path.startswith("/v2/conf/pub:info:pair"):
            return [[[f"{base}USD", [None, None, None, "0.1", "9"]] for base in LISTED], [], [], []]
        if path.startswith("/v2/conf/"):
            return [[*LISTED], *([[]] * 9)]
        if path.startswith("/v2/candles/trade:1h:t"):
            rows = self.bars(path.split(":t")[1][:3], _whole(asked.get("start")), int(asked["limit"]))
            rows = [[time, opened, closed, high, low, volume] for time, opened, high, low, closed, volume in rows]
            return rows if "start" in asked else rows[::-1]
        if path == "/0/public/Time":
            return {"error": [], "result": {"unixtime": self.now // 1000}}
        if path == "/0/public/Assets":
            return {"error": [], "result": {name: {"altname": name, "decimals": 8} for name in ("XBT", "ZUSD")}}
        if path == "/0/public/AssetPairs":
            pair = {"altname": "XBTUSD", "base": "XXBT", "quote": "ZUSD", "pair_decimals": 1, "lot_decimals": 8}
            return {"error": [], "result": {"XXBTZUSD": {**pair, "status": "online"}}}
        if path == "/0/public/OHLC":
            rows = self.bars("BTC", None, 30)  # 720 in truth
            texts = [[row[0] // 1000, *map(str, row[1:5]), "0", str(row[5]), 3] for row in rows]
            return {"error": [], "result": {"XXBTZUSD": texts, "last": 0}}
        return None


def traded_bars() -> pd.DataFrame:
    """Hourly bars since BEGIN that a model can be trained on."""
    made = synthetic_bars(TRADED, seed=0)
    columns = {name: getattr(made, name) for name in ("open", "high", "low", "close", "volume")}
    return pd.DataFrame({"time": pd.to_datetime(made.time), **columns})


def trade(exchanges: Exchanges) -> None:
    """Have the exchanges give `traded_bars`, up to the hour that is forming."""
    table = traded_bars()
    table["time"] = table["time"].astype("datetime64[ms]").astype("int64")
    rows = table.to_numpy().tolist()
    exchanges.hours = TRADED

    def bars(base: str, since: int | None, limit: int) -> list[list[float]]:
        there = rows[: exchanges.hours]
        return there[-limit:] if since is None else [row for row in there if row[0] >= since][:limit]

    exchanges.bars = bars  # type: ignore[method-assign]


def _whole(text: str | None) -> int | None:
    return None if text is None else int(text)


def _binance(base: str, quote: str) -> dict[str, Any]:
    own = {"symbol": base + quote, "status": "TRADING", "baseAsset": base, "quoteAsset": quote, "filters": []}
    return {**own, "isSpotTradingAllowed": True, "permissions": ["SPOT"], "orderTypes": []}


@contextmanager
def served(exchanges: Exchanges) -> Iterator[str]:
    """The address that answers for them."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            exchanges.asked.append(self.path)
            exchanges.before_answer()
            parts = urlsplit(self.path)
            status, headers, body = 200, {}, ""
            if exchanges.failures and any(each in self.path for each in ("klines", "candles", "OHLC")):
                status, headers, body = exchanges.failures.pop(0)
            else:
                found = exchanges.answer(parts.path, {key: value[0] for key, value in parse_qs(parts.query).items()})
                status, body = (404, "{}") if found is None else (200, json.dumps(found))
            self.send_response(status)
            for name, value in {
                **headers,
                "Content-Length": str(len(body)),
                "Content-Type": "application/json",
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # whoever asked is gone
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def point_to(address: str, patch: pytest.MonkeyPatch) -> None:
    """Have ccxt's own classes speak to `address`, without the pauses that are for the real exchanges."""
    paths = {"binance": {"public": "/api/v3", "fapiPublic": "/fapi/v1", "dapiPublic": "/dapi/v1"}}
    for name in ("binance", "bitfinex", "kraken"):
        kind = getattr(ccxt, name)
        own = kind.describe

        def describe(self: Any, own: Any = own, name: str = name) -> dict[str, Any]:
            found: dict[str, Any] = own(self)
            api = {key: address + paths.get(name, {}).get(key, "") for key in found["urls"]["api"]}
            return {**found, "urls": {**found["urls"], "api": api}, "rateLimit": 1}

        patch.setattr(kind, "describe", describe)
