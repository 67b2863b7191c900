"""Heikin-Ashi bars: each open is the middle of the body before, a price at which nobody ever traded."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from progressive_market.bars.prices.jumps import Prices
from progressive_market.bars.prices.price_blocks import in_blocks, rounding

BLOCK = 100  # bars in a row that all fit
BODIES = 30  # of which so many have a body that is no rounding
STRIDE = 10
SLACK = 1.1  # three rounded prices are in the relation: half of one, and a quarter of each of the other two


def heikin_ashi(data: Prices, step: float) -> int | None:
    """Position of the first block of bars of which each open is the middle of the body before; None where there is none.

    The relation is exact but for rounding, and no market keeps it for a hundred bars.

    :param step: the smallest one of the opens.
    """
    tolerance = SLACK * rounding(data["open"], step)
    some = in_blocks(_fits(data, slice(1, None, STRIDE), tolerance), BLOCK // STRIDE)
    blocks = np.flatnonzero(some.all(axis=1))
    if not len(blocks):
        return None
    starts, stops = blocks * BLOCK, np.minimum((blocks + 1) * BLOCK, len(data["open"]))
    bodies = np.cumsum(np.abs(data["close"] - data["open"]) > 8 * tolerance)
    enough = bodies[stops - 2] - np.where(starts > 0, bodies[starts - 1], 0) >= BODIES
    for start, stop in zip(starts[enough].tolist(), stops[enough].tolist(), strict=True):
        if _fits(data, slice(start + 1, stop), tolerance).all():
            return int(start)
    return None


def _fits(data: Prices, bars: slice, tolerance: float) -> NDArray[np.bool_]:
    """Whether each of these `bars` fits, of which none is the first of all."""
    before = _before(bars)
    middle = (data["open"][:-1][before] + data["close"][:-1][before]) / 2
    return np.asarray(np.abs(data["open"][bars] - middle) <= tolerance)


def _before(bars: slice) -> slice:
    return slice(bars.start - 1, None if bars.stop is None else bars.stop - 1, bars.step)
