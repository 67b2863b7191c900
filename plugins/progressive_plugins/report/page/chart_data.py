"""What the charts of a page draw: candles, trades and equity of each bucket, packed; equal candles once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from progressive_plugins.report.page.packed_columns import Column, packed, price_units

if TYPE_CHECKING:
    from progressive_training.market import StrategyAccount

MOST_TRADES = 10_000
"""Trades of one bucket that a page holds: more are not found by eye, and would fill it."""


def chart_data(accounts: Mapping[str, StrategyAccount]) -> dict[str, Any]:
    """Return what the page's script reads, as JSON values: `candles` by name, and `buckets` that name theirs."""
    different = {account.drawn: account for account in accounts.values()}
    return {
        "candles": {name: _candles(account) for name, account in different.items()},
        "buckets": {bucket: {"candles": account.drawn, **_of_bucket(account)} for bucket, account in accounts.items()},
    }


def _candles(account: StrategyAccount) -> dict[str, Any]:
    frame = account.candles
    prices = {name: _numbers(frame[name]) for name in ("open", "high", "low", "close")}
    units = price_units(*prices.values())
    columns = {"time": Column(_seconds(frame["time"]))} | {name: Column(each, units) for name, each in prices.items()}
    return packed(columns) | {"interval": account.interval, "merged": account.merged, "bars": account.bars}


def _of_bucket(account: StrategyAccount) -> dict[str, Any]:
    trades = account.trades.tail(MOST_TRADES)
    parts, reasons = [part.name for part in account.parts], sorted(set(trades["reason"]))
    units = price_units(_numbers(trades["entry_price"]), _numbers(trades["exit_price"]))
    equity = account.equity
    return {
        "parts": [
            {"name": part.name, "first": _second(part.first), "last": _second(part.last)} for part in account.parts
        ],
        "gaps": [
            [_second(before), _second(after)]
            for before, after in account.gaps[["before", "after"]].itertuples(index=False)
        ],
        "reasons": reasons,
        "trades": packed(
            {
                "part": Column(_places(trades["part"], parts)),
                "short": Column((trades["side"] == "short").to_numpy()),
                "entry_time": Column(_seconds(trades["entry_time"])),
                "entry_price": Column(_numbers(trades["entry_price"]), units),
                "exit_time": Column(_seconds(trades["exit_time"])),
                "exit_price": Column(_numbers(trades["exit_price"]), units),
                "bars": Column(_numbers(trades["bars"])),
                "profit": Column(np.array([_as_shown(profit) for profit in trades["profit"]]), 10),
                "won": Column((trades["profit"] > 0).to_numpy()),
                "reason": Column(_places(trades["reason"], reasons)),
            }
        ),
        "lines": list(_lines(equity)),
        "equity": packed(
            {
                "time": Column(_seconds(equity["time"])),
                "log_equity": Column(np.clip(_numbers(equity["log_equity"]), -1e4, 1e4), 1e5),
                "drawdown": Column(_numbers(equity["drawdown"]), 1e5),
            }
        ),
    }


def _lines(equity: pd.DataFrame) -> Iterable[dict[str, Any]]:
    """Which rows of the packed equity are one strategy's on one part."""
    start = 0
    whose = zip(*(equity[name].to_list() for name in ("part", "strategy", "kind")), strict=True)
    for (part, strategy, kind), rows in groupby(whose):
        count = len(list(rows))
        yield {"part": part, "strategy": strategy, "kind": kind, "start": start, "count": count}
        start += count


def _numbers(values: pd.Series[Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    return values.to_numpy(np.float64)


def _seconds(times: pd.Series[Any]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Times [rows] as whole seconds since 1970."""
    return pd.DatetimeIndex(times).as_unit("s").asi8


def _second(time: str | pd.Timestamp) -> int:
    return int(pd.Timestamp(time).timestamp())


def _places(values: pd.Series[Any], names: list[str]) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.array([names.index(value) for value in values.to_list()], dtype=np.int64)


def _as_shown(profit: float) -> float:
    """A profit in per cent with the digits that are shown of it, so that no script rounds it differently."""
    bounded = min(max(profit, -1e8), 1e8)
    return float(f"{bounded:.3g}" if abs(bounded) >= 999.95 else f"{bounded:.1f}")
