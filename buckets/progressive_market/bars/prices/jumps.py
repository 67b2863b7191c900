"""Where the price jumps by a factor that no market moves between two bars, and what a jump is measured by."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from progressive_market.bars.bar_records import MINUTE, Floats

Prices = Mapping[str, Floats]

JUMP = 2.9  # a factor of 3, less what the price itself moves meanwhile
SHORT = 3  # bars in a row that are a bad print; four that stay where they are make a stretch
WEEK = 7 * 1440 * MINUTE
NEAR = 10  # bars
ROUND = 0.03


def jumps(prices: Prices) -> NDArray[np.int64]:
    """Positions of the bars of which a price is a factor of `JUMP` or more from the close before."""
    before = prices["close"][:-1]
    return np.flatnonzero((prices["high"][1:] >= JUMP * before) | (prices["low"][1:] * JUMP <= before)) + 1


def near(interval: int) -> int:
    """How far two bars may be apart to be neighbours (nanoseconds): over a longer gap a market may move that far."""
    return max(WEEK, NEAR * interval)


def factor_text(factor: float) -> str:
    """A factor for people: x10, x0.1, x1,200. One digit where that is exact but for what the price moved itself."""
    short = float(f"{factor:.1g}")
    return f"x{short if abs(factor / short - 1) < ROUND else float(f'{factor:.2g}'):,g}"
