"""Blocks of bars, and what prices are rounded to: a check of whole blocks holds for every part of the bars as well."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from progressive_market.bars.bar_records import Floats

SAMPLE = 300
FINEST = 12  # decimals
FEW = 8  # prices that are looked at first: most steps do not fit these
STEPS = np.array([10.0**decimals for decimals in range(FINEST + 1)])
EXACT = 2e-7  # share of a price that a file of single precision loses


def in_blocks(values: NDArray[np.bool_], size: int) -> NDArray[np.bool_]:
    """Whole blocks of `values` [blocks, size], from the first one on."""
    return values[: len(values) // size * size].reshape(-1, size)


def rounding(prices: Floats, step: float) -> float:
    """What these prices are rounded to: 0.01 for two decimals, and at least what single precision loses.

    :param step: of `smallest_steps`.
    """
    some = np.sort(_some(prices))
    middle = (some[(len(some) - 1) // 2] + some[len(some) // 2]) / 2  # np.median, without what it looks for first
    return max(step, EXACT * float(middle))


def smallest_steps(*columns: Floats) -> list[float]:
    """Of each of these columns of prices, of one length, the power of ten that they are whole numbers of, at most 1: 0.01 for two
    decimals; 0 where there is none."""
    some = [_some(prices) for prices in columns]
    few = np.array([prices[:FEW] for prices in some])
    fits: list[list[bool]] = np.asarray(_whole(few[..., None] * STEPS).all(axis=1)).tolist()  # [columns, steps]
    return [_first_step(prices, each) for prices, each in zip(some, fits, strict=True)]


def _first_step(prices: Floats, fits: list[bool]) -> float:
    for decimals, some_fit in enumerate(fits):
        if some_fit and _whole(prices * STEPS[decimals]).all():
            return float(10.0**-decimals)
    return 0.0


def _whole(scaled: Floats) -> NDArray[np.bool_]:
    return np.asarray(np.abs(scaled - np.rint(scaled)) < np.minimum(0.01, EXACT * scaled))


def _some(prices: Floats) -> Floats:
    return prices[:: max(1, len(prices) // SAMPLE)]
