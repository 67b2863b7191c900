"""The features of each bar: causal averages of a few raw features, at several scales.

Each raw feature gives one column per scale. No average reaches across a gap, and none uses a later bar.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from progressive_market.bars import Bars

SCALES = (1, 6, 24, 96, 288)
"""Spans of the averages in bars; the same for each bucket, so that weights fit from one to the next."""
BUILT_IN = ("log_return", "absolute_return", "volume", "range", "lean")
WARM_UP = 24
"""Bars at the start of a segment that are not traded: their averages cover too few bars."""
VOLUME_SPAN = 2016
VOLATILITY_SPAN = 96
UNKNOWN = 1e9
"""Deviation of a return of which nothing is known: beyond any."""
LARGEST = 1e29
"""Value of an extra column from which on it counts as missing: what a card may hold, and float32 still multiplies."""
ROWS_AT_ONCE = 65_536
LONG_SEGMENT = 4096
"""Mean length of the segments in bars from which a loop over segments is faster than grouping by them, and needs less
memory (measured with 31 segments of 4 million bars: 0.1 s instead of 0.4 s, and 200 MB less)."""


def feature_names(bars: Bars) -> tuple[str, ...]:
    """The raw features in the order of the columns: the built-in ones, then each extra column of the file."""
    return BUILT_IN + tuple(bars.extra)


def segment_starts(segment: NDArray[np.integer[Any]]) -> NDArray[np.integer[Any]]:
    """Position of the first bar of each segment."""
    return np.flatnonzero(np.diff(segment, prepend=segment[0] - 1))


def causal_average(values: NDArray[np.float64], segment: NDArray[np.integer[Any]], span: int) -> NDArray[np.float64]:
    """Bias-corrected exponential average of `values` [T] that starts anew at each segment.

    The weight of a bar `k` bars ago is (1 - 2 / (span + 1)) ** k, divided by the sum of the weights so far, so the
    first bar of a segment is its own average. A missing value keeps the average of the bars before it.
    """
    if span == 1:
        return values
    starts = segment_starts(segment)
    if len(starts) * LONG_SEGMENT > len(values):
        groups = pd.Series(values).groupby(segment, sort=False)
        return np.asarray(groups.ewm(span=span).mean(), dtype=np.float64)
    averages = np.empty(len(values))
    for start, stop in pairwise([*starts.tolist(), len(values)]):
        averages[start:stop] = pd.Series(values[start:stop]).ewm(span=span).mean()
    return averages


def log_returns(bars: Bars) -> NDArray[np.float64]:
    """Log return of each close over the close before it [T]; zero on the first bar of a segment."""
    log_close = np.log(np.asarray(bars.close, dtype=np.float64))
    returns: NDArray[np.float64] = np.diff(log_close, prepend=log_close[0])
    returns[segment_starts(bars.segment)] = 0.0
    return returns


def raw_feature(bars: Bars, name: str) -> NDArray[np.float64]:
    """One raw feature [T].

    `volume` is relative to its own slow average, since its level drifts over years. `lean` is the difference of the
    upper and lower wick as a share of the range, -1 to 1.
    """
    if name == "log_return":
        return log_returns(bars)
    if name == "absolute_return":
        return np.abs(log_returns(bars))
    if name == "range":
        return np.log(bars.high / bars.low)
    if name == "volume":
        usual = causal_average(np.asarray(bars.volume, dtype=np.float64), bars.segment, VOLUME_SPAN)
        return np.log(np.divide(bars.volume, usual, out=np.zeros_like(usual), where=usual > 0) + 0.01)
    if name == "lean":
        spread = bars.high - bars.low
        wicks = bars.high + bars.low - bars.open - bars.close
        return np.divide(wicks, spread, out=np.zeros_like(spread), where=spread > 0)
    return np.asarray(bars.extra[name], dtype=np.float64)


def feature_table(bars: Bars) -> NDArray[np.float32]:
    """All features of all bars [T, features x scales] float32, the scales of one feature side by side.

    NaN where an extra column has no value yet, or one beyond `LARGEST`; the scaler ignores these.
    Computed column by column, so that the peak memory is the table and one column of doubles.
    """
    names = feature_names(bars)
    table = np.empty((len(bars.close), len(names) * len(SCALES)), dtype=np.float32)
    for f, name in enumerate(names):
        raw = raw_feature(bars, name)
        for s, span in enumerate(SCALES):
            column = causal_average(raw, bars.segment, span)
            for start in range(0, len(column), ROWS_AT_ONCE):
                rows = column[start : start + ROWS_AT_ONCE]
                held = np.where(np.abs(rows) <= LARGEST, rows, np.nan)
                table[start : start + ROWS_AT_ONCE, f * len(SCALES) + s] = held
    return table


def volatility(bars: Bars) -> NDArray[np.float32]:
    """Standard deviation of one bar's return as known at each bar [T], from recent absolute returns.

    At least a twentieth of its mean so far, so that a quiet night does not make the next outcome enormous. `UNKNOWN`
    before the price first moves: an outcome then counts nothing, and times its deviation it is still the gain.
    """
    recent = causal_average(np.abs(log_returns(bars)), bars.segment, VOLATILITY_SPAN)
    usual = np.cumsum(recent) / np.arange(1, len(recent) + 1)
    usual[usual == 0] = UNKNOWN
    return (1.2533 * np.maximum(recent, 0.05 * usual)).astype(np.float32)  # E|x| = 0.798 deviations of a normal x
