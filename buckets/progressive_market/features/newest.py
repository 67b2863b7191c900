"""The features of the newest bar alone, kept up to date: one bar more costs that bar, not all before it.

Each average is summed over its own window. So it has the same bits whatever bars are given before that window, and whether the bars
came one by one or at once.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from progressive_market.features.averages import window_of
from progressive_market.features.feature_table import (
    LARGEST,
    SCALES,
    SLOW_WINDOW,
    VOLATILITY_SPAN,
    deviation_of,
    feature_names,
    feature_table,
    log_returns,
    raw_feature,
    relative_volume,
    volatility,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from progressive_market.bars import Bars

    Floats = NDArray[np.float64]
    Features = tuple[NDArray[np.float32], NDArray[np.float32]]

LONGEST = window_of(SCALES[-1])
"""Bars whose raw features count."""


class NewestFeatures:
    """Of the newest bars of a segment, as many as count for the last: `raw` features [features, bars], `volume` [bars], `sizes` of
    returns [bars], and what is `recent` of these at each bar [bars]."""

    def __init__(self, bars: Bars) -> None:
        """:param bars: `HISTORY` of them are enough."""
        own = bars.between(int(np.searchsorted(bars.segment, bars.segment[-1])), len(bars))
        volume, sizes = np.asarray(own.volume, dtype=np.float64), np.abs(log_returns(own))
        usual = each_average(volume, 1, SLOW_WINDOW, LONGEST)
        self.raw = _raw_features(own.between(max(0, len(own) - LONGEST - 1), len(own)), usual)
        self.recent = each_average(sizes, VOLATILITY_SPAN, window_of(VOLATILITY_SPAN), SLOW_WINDOW)
        self.volume, self.sizes = volume[-SLOW_WINDOW:], sizes[-window_of(VOLATILITY_SPAN) :]

    def add(self, two: Bars) -> None:
        """One bar more of the same segment: the second of `two`."""
        self.volume = _added(self.volume, two.volume[-1:], SLOW_WINDOW)
        raw = _raw_features(two, each_average(self.volume, 1, SLOW_WINDOW, 1))
        self.raw = _added(self.raw, raw, LONGEST)
        self.sizes = _added(self.sizes, raw[1], window_of(VOLATILITY_SPAN))
        recent = each_average(self.sizes, VOLATILITY_SPAN, window_of(VOLATILITY_SPAN), 1)
        self.recent = _added(self.recent, recent, SLOW_WINDOW)

    def table(self) -> NDArray[np.float32]:
        """As `feature_table` of the last bar [1, features x scales]."""
        count, (weights, totals) = self.raw.shape[1], _weights_by_scale()
        known, values, total = np.isfinite(self.raw), self.raw, totals[count - 1]
        all_known = known.all()
        if not all_known or count < LONGEST:
            values = np.zeros((len(self.raw), LONGEST))
            values[:, -count:] = np.where(known, self.raw, 0.0)
        if not all_known:
            there = np.zeros_like(values)
            there[:, -count:] = known
            total = there @ weights
        averages = values @ weights / np.where(total > 0, total, np.nan)
        return np.where(np.abs(averages) <= LARGEST, averages, np.nan).astype(np.float32).reshape(1, -1)

    def volatility(self) -> NDArray[np.float32]:
        """As `volatility` of the last bar [1]."""
        return deviation_of(self.recent[-1:], self.recent.mean(keepdims=True))


def each_average(values: Floats, span: int, window: int, count: int) -> Floats:
    """Exponential averages of `span` at the newest `count` of `values` [T] of one segment, or at all, over `window` bars; plain ones where
    the span is 1."""
    part = values[-(count + window - 1) :]
    weights, totals = _weights(span, window)
    if len(part) == count + window - 1:
        averages: Floats = np.correlate(part, weights, "valid") / totals[-1]
        return averages
    sums = np.correlate(part, weights, "full")[: len(part)]
    return (sums / totals[np.minimum(np.arange(len(part)), window - 1)])[-count:]


def _raw_features(bars: Bars, usual: Floats) -> Floats:
    """The raw features [features, T] of the newest `bars`, and what is the `usual` volume at each [T].

    :param bars: one more than T, whose close the first return is from; none where the segment begins.
    """
    count, returns = len(usual), log_returns(bars)
    made = {"log_return": returns, "absolute_return": np.abs(returns)}
    made["volume"] = relative_volume(np.asarray(bars.volume[-count:], dtype=np.float64), usual)
    names = feature_names(bars)
    raw = np.empty((len(names), count))
    for row, name in zip(raw, names, strict=True):
        row[:] = (made[name] if name in made else raw_feature(bars, name))[-count:]
    return raw


def _added(values: Floats, newest: Floats, most: int) -> Floats:
    """The `values` [..., T] and the `newest` one [..., 1] behind them, so many at `most`."""
    return np.concatenate([values[..., 1 - most :], newest], axis=-1)


@cache
def _weights(span: int, window: int) -> tuple[Floats, Floats]:
    """The weights of a window [bars], that of its last bar 1, and the sum of the newest so many [bars]."""
    weights = np.array([1.0] * window) if span == 1 else (1 - 2 / (span + 1)) ** np.arange(window, dtype=np.float64)
    return np.ascontiguousarray(weights[::-1]), np.cumsum(weights)


@cache
def _weights_by_scale() -> tuple[Floats, Floats]:
    """The same for each of `SCALES` [bars, scales], 0 beyond its window."""
    weights = np.zeros((LONGEST, len(SCALES)))
    for s, span in enumerate(SCALES):
        own, _ = _weights(span, window_of(span))
        weights[LONGEST - len(own) :, s] = own
    return weights, np.cumsum(weights[::-1], axis=0)


def features_of(bars: Bars, last: int | None = None) -> Features:
    """The volatility [T] and the features [T, columns] of the `last` of `bars`, None for all; not yet on the scale of a market."""
    if last == 1:
        newest = NewestFeatures(bars)
        return newest.volatility(), newest.table()
    return volatility(bars)[slice(None if last is None else -last, None)], feature_table(bars, last)
