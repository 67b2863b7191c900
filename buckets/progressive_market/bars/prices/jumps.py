"""Where the price jumps by a factor that no market moves between two bars, and what a jump is measured by."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from progressive_market.bars.bar_records import MINUTE, Floats

Prices = Mapping[str, Floats]

JUMP = 2.9  # a factor of 3, less what the price itself moves meanwhile
TICKS = 10  # at least: a price of one tick triples with two more
SHORT = 3  # bars in a row that are a bad print; four that stay where they are make a stretch
WEEK = 7 * 1440 * MINUTE
NEAR = 10  # bars
ROUND = 0.03


def jumps(prices: Prices, tick: float) -> NDArray[np.int64]:
    """Positions of the bars of which a price is a factor of `JUMP` or more, and `TICKS`, from the close before."""
    before = prices["close"][:-1]
    at = np.flatnonzero((prices["high"][1:] >= JUMP * before) | (prices["low"][1:] * JUMP <= before)) + 1
    return at[leave(prices, at, before[at - 1], before[at - 1], tick)] if len(at) else at


def leave(
    prices: Prices, bars: NDArray[np.int64], below: Floats | float, above: Floats | float, tick: float
) -> NDArray[np.bool_]:
    """Whether a price of each of `bars` is that far from all between `below` and `above`."""
    high, low, least = prices["high"][bars], prices["low"][bars], TICKS * tick * (1 - ROUND)
    up = (high >= JUMP * above) & (high - above >= least)
    return np.asarray(up | ((low * JUMP <= below) & (below - low >= least)))


def near(interval: int) -> int:
    """How far two bars may be apart to be neighbours (nanoseconds): over a longer gap a market may move that far."""
    return max(WEEK, NEAR * interval)


def factor_text(factor: float) -> str:
    """A factor for people: x10, x0.1, x1,200. One digit where that is exact but for what the price moved itself."""
    short = float(f"{factor:.1g}")
    return f"x{short if abs(factor - short) <= ROUND * short else float(f'{factor:.2g}'):,g}"
