"""The features of each bar: causal averages of a few raw features, at several scales.

Each raw feature gives one column per scale. No average reaches across a gap, none uses a later bar, and none reaches further
back than `HISTORY` bars.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from progressive_market.features.averages import AT_ONCE, exponential_average, plain_average, segment_starts, window_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from progressive_market.bars import Bars

SCALES = (1, 6, 24, 96, 288)
"""Spans of the averages in bars; the same for each bucket, so that weights fit from one to the next."""
BUILT_IN = ("log_return", "absolute_return", "volume", "range", "lean")
WARM_UP = 24
"""Bars at the start of a segment that are not traded: their averages cover too few bars."""
SLOW_WINDOW = 1_000
"""Bars over which what is usual is averaged: the volume, and the size of returns."""
HISTORY = SLOW_WINDOW + window_of(SCALES[-1]) - 1
"""Bars from which the features of the last of them are the same as from all bars before: the volume's, which reach furthest."""
VOLATILITY_SPAN = 96
UNKNOWN = 1e9
"""Deviation of a return of which nothing is known: beyond any."""
LARGEST = 1e29
"""Value of an extra column from which on it counts as missing: what a card may hold, and float32 still multiplies."""
ROWS_AT_ONCE = 65_536


def feature_names(bars: Bars) -> tuple[str, ...]:
    """The raw features in the order of the columns: the built-in ones, then each extra column of the file."""
    return BUILT_IN + tuple(bars.extra)


def history_of(bars: Bars, reached: int = 1) -> int:
    """Bars from which the features of the last of them are the same as from all bars before, in these `bars`: an extra column
    needs those of its averages, those that its feature asks for, and as many as a missing value was ever taken from.

    :param reached: bars that anything else looks back which may read such columns.
    """
    asked = max((plugin.history for plugin in bars.feature_plugins), default=1)
    return max(HISTORY, max(window_of(SCALES[-1]), reached) - 1 + asked + max(bars.carried.values(), default=0))


def log_returns(bars: Bars) -> NDArray[np.float64]:
    """Log return of each close over the close before it [T]; zero on the first bar of a segment."""
    log_close = np.log(np.asarray(bars.close, dtype=np.float64))
    returns = np.empty_like(log_close)
    np.subtract(log_close[1:], log_close[:-1], out=returns[1:])
    returns[segment_starts(bars.segment)] = 0.0
    return returns


def raw_feature(bars: Bars, name: str) -> NDArray[np.float64]:
    """One raw feature [T].

    `volume` is relative to its own mean over the last `SLOW_WINDOW` bars, since its level drifts over years. `lean` is the difference of the
    upper and lower wick as a share of the range, -1 to 1.
    """
    if name == "log_return":
        return log_returns(bars)
    if name == "absolute_return":
        return np.abs(log_returns(bars))
    if name == "range":
        return np.log(bars.high / bars.low)
    if name == "volume":
        usual = plain_average(np.asarray(bars.volume, dtype=np.float64), bars.segment, SLOW_WINDOW)
        return relative_volume(bars.volume, usual)
    if name == "lean":
        spread = bars.high - bars.low
        wicks = bars.high + bars.low - bars.open - bars.close
        return np.divide(wicks, spread, out=np.zeros_like(spread), where=spread > 0)
    return np.asarray(bars.extra[name], dtype=np.float64)


def relative_volume(volume: NDArray[np.float64], usual: NDArray[np.float64]) -> NDArray[np.float64]:
    """The raw feature `volume` [T] of volumes beside what is `usual` [T]."""
    return np.log(np.divide(volume, usual, out=np.zeros_like(usual), where=usual > 0) + 0.01)


def feature_table(bars: Bars, last: int | None = None) -> NDArray[np.float32]:
    """All features of all bars [T, features x scales] float32, the scales of one feature side by side; of the `last` bars alone,
    if that is given: averages reach back a bounded number of bars, so theirs need no others.

    NaN where an extra column has no value yet, or one beyond `LARGEST`; the scaler ignores these.
    Computed a few columns at a time, so that the peak memory of many bars is the table and one column of doubles.
    """
    names, bars_count = feature_names(bars), len(bars.close)
    rows_count = bars_count if last is None else min(last, bars_count)
    table = np.empty((rows_count, len(names), len(SCALES)), dtype=np.float32)
    at_once = max(1, AT_ONCE // bars_count)
    for first in range(0, len(names), at_once):
        group = range(first, min(first + at_once, len(names)))
        raw = np.stack([raw_feature(bars, names[f]) for f in group])
        for s, span in enumerate(SCALES):
            reached = slice(max(0, bars_count - rows_count - window_of(span) + 1), None)
            averages = exponential_average(raw[:, reached], bars.segment[reached], span)[:, -rows_count:]
            for f, column in zip(group, averages, strict=True):
                for start in range(0, rows_count, ROWS_AT_ONCE):
                    rows = column[start : start + ROWS_AT_ONCE]
                    table[start : start + ROWS_AT_ONCE, f, s] = np.where(np.abs(rows) <= LARGEST, rows, np.nan)
    return table.reshape(rows_count, -1)


def volatility(bars: Bars) -> NDArray[np.float32]:
    """Standard deviation of one bar's return as known at each bar [T], from recent absolute returns.

    At least a twentieth of its mean over the last `SLOW_WINDOW` bars, so that a quiet night does not make the next outcome
    enormous. `UNKNOWN` where the price has not moved in so many: an outcome then counts nothing, and times its deviation it
    is still the gain.
    """
    recent = exponential_average(np.abs(log_returns(bars)), bars.segment, VOLATILITY_SPAN)
    return deviation_of(recent, plain_average(recent, bars.segment, SLOW_WINDOW))


def deviation_of(recent: NDArray[np.float64], usual: NDArray[np.float64]) -> NDArray[np.float32]:
    """`volatility` [T] from the average size of recent returns [T], and what is `usual` [T] of it, which it writes to."""
    usual[usual == 0] = UNKNOWN
    return (1.2533 * np.maximum(recent, 0.05 * usual)).astype(np.float32)  # E|x| = 0.798 deviations of a normal x
