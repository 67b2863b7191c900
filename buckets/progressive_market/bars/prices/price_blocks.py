"""Blocks of bars, and what prices are rounded to: a check of whole blocks holds for every part of the bars as well."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from progressive_market.bars.bar_records import Floats

SAMPLE = 300
FINEST = 8  # decimals
EXACT = 2e-7  # share of a price that a file of single precision loses


def in_blocks(values: NDArray[np.generic], size: int) -> NDArray[np.generic]:
    """Whole blocks of `values` [blocks, size], from the first one on."""
    return values[: len(values) // size * size].reshape(-1, size)


def rounding(prices: Floats) -> float:
    """What these prices are rounded to: 0.01 for two decimals, and at least what single precision loses."""
    some = prices[:: max(1, len(prices) // SAMPLE)]
    lost = EXACT * float(np.median(some))
    for decimals in range(FINEST + 1):
        scaled = some * 10.0**decimals
        if (np.abs(scaled - np.round(scaled)) < 0.01).all():
            return max(10.0**-decimals, lost)
    return lost
