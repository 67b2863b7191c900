"""Averages of the last values at many bars, from sums that are made once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from progressive_market.bars.bar_records import Floats
from progressive_market.bars.leaks.leak_targets import Rows


def running(values: Floats | NDArray[np.bool_]) -> Floats:
    """Sums of the `values` [T] before each bar, and of all [T + 1]."""
    return np.concatenate([[0], np.cumsum(values)])


def average(total: Floats, rows: Rows, length: int) -> Floats:
    """Mean of the `length` values up to each of the `rows` [n], from their running sums `total`."""
    mean: Floats = (total[rows + 1] - total[rows + 1 - length]) / length
    return mean
