"""What a column is, by the name its writer gave it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

TIME = frozenset(
    "time timestamp ts t date datetime dt unix epoch start begin index mts opentime opendate opendatetime timeopen "
    "opentimestamp starttime startat begintime unixtime unixtimestamp gmttime utctime timeutc dateutc datetimeutc utc "
    "localtime timestampms timems timems candlebegintime klinestarttime timeperiodstart periodstart bartime "
    "datum zeitstempel fecha".split()
)
CLOSE_TIME = frozenset(
    "closetime closedate closedatetime closetimestamp timeclose end endtime timeperiodend endat".split()
)
DECORATION = frozenset("price prices px usd usdt usdc busd eur btc xbt btcusd btcusdt xbtusd mid bid ask spot".split())
PRICE = {"open": "open", "o": "open", "opening": "open", "first": "open"} | {
    "high": "high", "h": "high", "max": "high", "highest": "high",
    "low": "low", "l": "low", "min": "low", "lowest": "low",
    "close": "close", "c": "close", "closing": "close", "last": "close", "closelast": "close", "latest": "close",
    "eroffnung": "open", "eroffn": "open", "eroffnungskurs": "open", "apertura": "open",
    "hoch": "high", "hochst": "high", "hochstkurs": "high", "maximo": "high",
    "tief": "low", "tiefst": "low", "tiefstkurs": "low", "minimo": "low",
    "schluss": "close", "schlusskurs": "close", "zuletzt": "close", "cierre": "close", "ultimo": "close",
}  # fmt: skip
CURRENCIES = frozenset("usd usdt usdc busd eur".split())
PAIRS = frozenset("btcusd btcusdt xbtusd".split())
QUOTE = CURRENCIES | frozenset("quote quoted currency turnover value notional ccyquote".split())
BASE = frozenset("btc xbt base coin".split())
VOLUME = frozenset("volume vol volumen v".split())
SIZE = frozenset("size qty quantity".split())
TICKS = frozenset("tickvol tickvolume".split())
TAKER = frozenset("taker buy sell".split())
TRADES = frozenset("trades count numberoftrades numtrades tradecount tradescount tradenum n transactions".split())
SYMBOL = frozenset("symbol ticker tic pair instrument instrumentid market coin asset".split())
CAPITALS = {"T": "close_time", "V": "taker_buy_volume", "Q": "taker_buy_quote_volume"}
IGNORED = frozenset("ignore confirm isclosed isfinal closed complete timeframe interval exchange".split())

NAMES_KEPT = 4_096
"""Names whose words and role are remembered: a model in use is asked about the same few again and again."""


def roles_of(labels: Iterable[str]) -> dict[str, str]:
    """The role of each column. A capital beside its small letter is something else: exchanges send `t` for the open and
    `T` for the close time, `v` for the volume and `V` for that of takers."""
    roles = {label: role(label) for label in labels}
    capitals = {label for label in roles if len(label) == 1 and label.isupper() and label.lower() in roles}
    return roles | {label: CAPITALS.get(label, "ignored") for label in capitals}


@lru_cache(maxsize=NAMES_KEPT)
def role(name: Any) -> str:
    """One of time, close_time, open, high, low, close, price, volume, base_volume, quote_volume, size, tick_volume,
    taker_buy_volume, taker_buy_quote_volume, trades, vwap, symbol, ignored; or extra."""
    words = split(name)
    joined = "".join(words)
    core = [word for word in words if word not in DECORATION]
    if joined in TIME or {"open", "time"} <= set(words):
        return "time"
    if joined in CLOSE_TIME or {"close", "time"} <= set(words):
        return "close_time"
    if len(core) == 1 and core[0] in PRICE:
        return PRICE[core[0]]
    if joined in PRICE:
        return PRICE[joined]
    if joined == "price":
        return "price"
    if joined in SYMBOL:
        return "symbol"
    if joined in IGNORED:
        return "ignored"
    if joined in TRADES:
        return "trades"
    if joined in {"vwap", "weightedprice", "weightedaverage", "averageprice"}:
        return "vwap"
    if joined in SIZE:
        return "size"
    if joined in TICKS:
        return "tick_volume"
    return _volume_role(words) or ("time" if {"time", "date", "timestamp", "datetime"} & set(words) else "extra")


def _volume_role(words: tuple[str, ...]) -> str | None:
    kinds = set(words)
    sold = kinds & TAKER
    if not kinds & (VOLUME | {"volumefrom", "volumeto", "amount", "turnover", "volccy", "qv", "asset"}):
        return None
    rest = kinds - VOLUME - {"amount", "turnover", "asset", "token", "traded", "total", "real", "of", "in", "ccy"}
    if "buy" in kinds and not rest - {"taker", "buy", "base", "quote"}:
        return "taker_buy_quote_volume" if "quote" in kinds else "taker_buy_volume"
    if not sold and (rest & PAIRS or (rest & CURRENCIES and rest & BASE)) and rest <= PAIRS | CURRENCIES | BASE:
        return "volume"  # of a pair, BTC-USD: in which of the two, the numbers say
    if sold or rest - QUOTE - BASE - {"volumefrom", "volumeto", "volccy", "qv"}:
        return None
    if kinds & (QUOTE | {"volumeto", "qv", "turnover"}):
        return "quote_volume"
    return "base_volume" if kinds & (BASE | {"volumefrom"}) else "volume"


@lru_cache(maxsize=NAMES_KEPT)
def split(name: Any) -> tuple[str, ...]:
    """The words of a column name: `1. openTime` is open, time; pairs of names (a table's double header) are joined."""
    text = " ".join(str(part) for part in name if str(part)) if isinstance(name, tuple) else str(name)
    text = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    text = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", " ", text.strip())
    text = re.sub(r"^\d+[a-z]?\. ", "", text.lower())
    return tuple(re.findall(r"[a-z]+|\d+", text))
