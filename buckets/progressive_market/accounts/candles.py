"""The bars of a run as candles for a chart, merged where there are more than a chart can use."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from attrs import frozen

if TYPE_CHECKING:
    from progressive_market.bars import Bars

MOST_CANDLES = 100_000
"""Eleven years of hours; a page with so many has some 2 MB."""
MOST_GAPS = 1_000


@frozen(eq=False)
class Candles:
    """`merged` consecutive bars make one candle of `frame` (time of its open, open, high, low, close, volume). `gaps`: bars
    `before` and `after` each gap, by their open times, the longest `MOST_GAPS` of `gap_count`, in order of time."""

    frame: pd.DataFrame
    merged: int
    gaps: pd.DataFrame
    gap_count: int
    source: str

    @property
    def digest(self) -> str:
        """The fingerprint of candles and gaps."""
        rows = [pd.util.hash_pandas_object(frame, index=False).to_numpy() for frame in (self.frame, self.gaps)]
        return hashlib.sha256(np.concatenate(rows).tobytes()).hexdigest()[:16]


def candles_of(bars: Bars) -> Candles:
    """The candles of all `bars`: one each up to `MOST_CANDLES`, else as few are merged as that takes."""
    merged = -(-len(bars) // MOST_CANDLES)
    first = np.arange(0, len(bars), merged)
    last = np.minimum(first + merged, len(bars)) - 1
    frame = pd.DataFrame(
        {
            "time": pd.DatetimeIndex(bars.time[first], tz="UTC"),
            "open": bars.open[first],
            "high": np.maximum.reduceat(bars.high, first),
            "low": np.minimum.reduceat(bars.low, first),
            "close": bars.close[last],
            "volume": np.add.reduceat(bars.volume, first),
        }
    )
    after = np.flatnonzero(np.diff(bars.segment)) + 1
    longest = np.sort(after[np.argsort(bars.time[after - 1] - bars.time[after], kind="stable")[:MOST_GAPS]])
    gaps = pd.DataFrame(
        {
            name: pd.DatetimeIndex(bars.time[rows], tz="UTC")
            for name, rows in (("before", longest - 1), ("after", longest))
        }
    )
    return Candles(frame, merged, gaps, len(after), "a synthetic market" if bars.synthetic else bars.report.source)
