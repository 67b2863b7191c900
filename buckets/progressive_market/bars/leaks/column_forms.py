"""Forms in which a column is looked at: its level, its change, and others that show what the level hides."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from progressive_market.bars.bar_records import Floats
from progressive_market.bars.leaks.leak_targets import Rows

AVERAGE = 24  # bars of the average in one of the forms of a column


def forms(values: Floats, close: Floats, rows: Rows) -> Iterator[tuple[str, Floats]]:
    """Forms of a column (name, values) at `rows`; there it and the bar before must have a value."""
    now, before = values[rows], values[rows - 1]
    yield "its level", now
    yield "its change", now - before
    if now.min() > 0 and before.min() > 0:
        yield "its ratio to the close", now / close[rows]
        yield "its relative change", now / before
    window = rows[:, None] - np.arange(AVERAGE)
    recent = np.where(window >= 0, values[np.maximum(window, 0)], np.nan)
    known = np.isfinite(recent)
    usual = np.where(known, recent, 0.0).sum(axis=1) / known.sum(axis=1)
    yield f"its distance from its average of {AVERAGE} bars", now - usual


def as_prices(shown: Floats, close: Floats) -> Iterator[tuple[str, Floats]]:
    """What a column may hold of a price: the price, or its ratio to the close, less one, or its logarithm."""
    for form, ratio in (
        ("its level", shown / close),
        ("its level times the close", shown),
        ("one and its level times the close", 1 + shown),
        ("its exponential times the close", np.exp(np.clip(shown, -50, 50))),
    ):
        if 0.5 < np.median(ratio) < 2:
            yield form, ratio * close


def running(values: Floats | NDArray[np.bool_]) -> Floats:
    """Sums of the `values` [T] before each bar, and of all [T + 1]."""
    return np.concatenate([[0], np.cumsum(values)])


def average(total: Floats, rows: Rows, length: int) -> Floats:
    """Mean of the `length` values up to each of the `rows` [n], from their running sums `total`."""
    mean: Floats = (total[rows + 1] - total[rows + 1 - length]) / length
    return mean
