"""Bad prints that the bars begin with: no bar before them says that they left, but those after them do."""

from __future__ import annotations

import numpy as np

from progressive_market.bars.bar_records import Times
from progressive_market.bars.prices.jumps import JUMP, SHORT, Prices, leave, near

AGREE = SHORT + 1  # bars after them, at least, that agree with each other, and more than half of the first `LOOK`
LOOK = 7


def first_bad_prints(time: Times, data: Prices, tick: float, interval: int) -> int:
    """How many bars at the beginning are a bad print: up to `SHORT` that are a factor of `JUMP` or more off all that follow,
    with no trade between, or a first one of which high or low is that far off its own open and the next one.

    Where the price has moved for good right after these bars they are left out as well: the bars begin later then, and a
    part of bars that begins within a print reads as the whole does. Over a long gap the price may move that far.
    """
    if float(data["high"][: SHORT + 1].max()) < JUMP * float(data["low"][: SHORT + 1].min()):
        return 0
    for count in range(1, min(SHORT, len(data["open"]) - AGREE) + 1):
        level, bars = float(data["open"][count]), np.arange(count)
        if time[count] - time[0] > near(interval) or not _agree(data, count, level):
            continue
        apart = (data["low"][bars] >= JUMP * level) | (data["high"][bars] * JUMP <= level)
        if apart.all() and leave(data, bars, level, level, tick).all():
            return count
        below, above = sorted((float(data["open"][0]), level))
        if count == 1 and above < JUMP * below and leave(data, bars, below, above, tick).all():
            return count
    return 0


def _agree(data: Prices, start: int, level: float) -> bool:
    bars = slice(start, start + LOOK)
    agree = np.ones(len(data["open"][bars]), dtype=bool)
    for name in ("open", "close"):
        agree &= (data[name][bars] < JUMP * level) & (level < JUMP * data[name][bars])
    return bool(agree[0] and agree.sum() >= AGREE and agree.mean() > 0.5)
