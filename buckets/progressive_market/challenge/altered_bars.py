"""Bars of another path: the same bars with moves added to their prices, in another order, or with other last digits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from attrs import evolve

from progressive_market.bars.bar_records import PRICES, Bars, Floats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MOST_DIGITS = 9
"""Digits that the price of a market has, at most; made-up ones have more."""
SIGNIFICANT = 5
"""Digits that are taken for those of a price that has more than `MOST_DIGITS`."""


def with_moves(bars: Bars, added: Floats, levels: Sequence[str]) -> Bars:
    """`bars` whose log return from each close to the next is larger by `added` [T].

    A bar opens moved as far as the one before closed, and its wicks keep their length. `levels`: extra columns in the units of the price,
    which move along.
    """
    at_close = np.exp(np.cumsum(added))
    at_open = np.concatenate([[1.0], at_close[:-1]])
    opened, closed = bars.open * at_open, bars.close * at_close
    upper, lower = bars.high / np.maximum(bars.open, bars.close), bars.low / np.minimum(bars.open, bars.close)
    return evolve(
        bars,
        open=opened,
        close=closed,
        high=np.maximum(opened, closed) * upper,
        low=np.minimum(opened, closed) * lower,
        fills=None if bars.fills is None else bars.fills * at_open,
        extra=_scaled(bars.extra, levels, at_close),
    )


def in_order(bars: Bars, order: NDArray[np.int64], levels: Sequence[str]) -> Bars:
    """The bars of these numbers [T] as one path without a gap, at the times of `bars`: each opens as far from the close before it as it
    did from its own."""
    closed_before = np.concatenate([bars.open[:1], bars.close[:-1]])
    steps = np.log(bars.close / closed_before)[order]
    steps[0] = 0.0
    close = bars.close[order[0]] * np.exp(np.cumsum(steps))
    factor = close / bars.close[order]
    return evolve(
        bars,
        **{name: getattr(bars, name)[order] * factor for name in PRICES},
        volume=bars.volume[order],
        segment=np.zeros(len(order), dtype=bars.segment.dtype),
        absent=None if bars.absent is None else bars.absent[order],
        fills=None if bars.fills is None else bars.fills[order] * factor,
        extra=_scaled({name: values[order] for name, values in bars.extra.items()}, levels, factor),
    )


def with_other_digits(bars: Bars, random: np.random.Generator) -> Bars:
    """`bars` with each price moved by up to one unit of its last digit."""
    digit = last_digit(bars)
    moved = {name: getattr(bars, name) + digit * random.uniform(-1, 1, len(bars)) for name in PRICES}
    prices = {name: np.maximum(values, getattr(bars, name) / 2) for name, values in moved.items()}
    body = np.stack([prices["open"], prices["close"]])
    prices["high"], prices["low"] = np.maximum(prices["high"], body.max(0)), np.minimum(prices["low"], body.min(0))
    fills = None if bars.fills is None else bars.fills * (prices["open"] / bars.open)
    return evolve(bars, **prices, fills=fills)


def last_digit(bars: Bars) -> float:
    """The unit of the last decimal that the prices have, or of the fifth digit where they have too many."""
    prices = np.concatenate([getattr(bars, name) for name in PRICES])
    whole = int(np.floor(np.log10(np.median(prices)))) + 1  # digits before the point
    for decimals in range(max(0, MOST_DIGITS - whole) + 1):
        if np.allclose(np.round(prices, decimals), prices, rtol=1e-12, atol=0):
            return 10.0**-decimals
    return float(10.0 ** (whole - SIGNIFICANT))


def _scaled(extra: Mapping[str, Floats], levels: Sequence[str], factor: Floats) -> dict[str, Floats]:
    return {name: values * factor if name in levels else values for name, values in extra.items()}
