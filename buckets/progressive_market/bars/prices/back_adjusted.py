"""Back-adjusted prices whose factor moves on from bar to bar: each open is off the close before it by the same ratio."""

from __future__ import annotations

import numpy as np

from progressive_market.bars.prices.jumps import Prices
from progressive_market.bars.prices.price_blocks import in_blocks, rounding, smallest_steps

BLOCK = 500  # bars
BLOCKS = 4  # at least, all of one direction: a factor that turns sooner cannot be distinguished from a spread
ONE_WAY = 0.65  # share of opens on one side of the close before from which on a block is looked at closely
EQUAL = 0.05  # at most this share of opens is exactly at the close before, where a factor has moved between both
CLEAR = 2.0  # times the spread of the middle third of the steps from a close to the next open, and their rounding, is the median


def back_adjusted(data: Prices) -> int | None:
    """Position of the first block whose opens are all off the close before by one ratio; None where there is none, or the blocks
    are few, or do not agree on the direction.

    Opens of a market are on both sides of the close before, most at it. A factor that grows with time moves them all by what it
    grows in a bar. It is seen where that is more than the opens themselves differ from the closes before.
    """
    opened, closed = data["open"][1:], data["close"][:-1]
    if len(opened) < BLOCKS * BLOCK:
        return None
    sides = [in_blocks(side, BLOCK).mean(axis=1) for side in (opened > closed, opened < closed)]
    found = {}
    for block in np.flatnonzero(np.maximum(*sides) >= ONE_WAY).tolist():
        bars = slice(block * BLOCK, (block + 1) * BLOCK)
        steps = np.log(opened[bars] / closed[bars])
        bodies = np.log(data["close"][bars] / data["open"][bars])
        low, usual, high = np.percentile(steps, [35, 50, 65])
        if (opened[bars] == closed[bars]).mean() > EQUAL:
            continue
        rounded = rounding(closed[bars], *smallest_steps(closed[bars]))
        least = max(high - low, rounded / float(np.median(closed[bars])))
        if abs(usual) > CLEAR * least and np.subtract(*np.percentile(bodies, [75, 25])) > CLEAR * abs(usual):
            found[block * BLOCK] = usual > 0
    return min(found) if len(found) >= BLOCKS and len(set(found.values())) == 1 else None
