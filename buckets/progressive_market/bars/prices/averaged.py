"""Averaged prices: closes that are a moving average, or the typical price of their bar."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from progressive_market.bars.bar_records import Floats
from progressive_market.bars.prices.jumps import Prices
from progressive_market.bars.prices.price_blocks import in_blocks, rounding

BLOCK = 500  # bars
SAME_SIGN = 0.65  # share of returns with the sign of the one before from which on a block is looked at closely
SMOOTH = 0.6  # autocorrelation of returns, where markets have 0.3 at most and an average of five bars 0.75
SMOOTH_RANGES = -0.2  # that of the changes of the range, where markets have -0.4 and averaged ones 0
TURNS = 0.3  # share of the changes of returns with another sign than the one before, half where prices are noisy
NOISE = 1e-6  # of its size; what varies less is drawn by a formula
STRIDE = 8
HALF = 0.5
LEAST = HALF * (BLOCK // STRIDE) / 2  # closes that are such a mean: a block with fewer of them does not count


def moving_average(data: Prices) -> int | None:
    """Position of the first block whose closes are a moving average of prices; None where there is none.

    Returns that resemble the one before so much can be earned from without effort. But a made-up market may have them too,
    so the ranges must be smooth as well, which averaging makes them, and neither may be a curve drawn by a formula.
    """
    moves = data["close"][1:] - data["close"][:-1]
    same = in_blocks(moves[1:] * moves[:-1] > 0, BLOCK).sum(axis=1)
    for block in np.flatnonzero(same >= SAME_SIGN * BLOCK).tolist():
        bars = slice(block * BLOCK, (block + 1) * BLOCK)
        returns = np.diff(np.log(data["close"][bars]))
        ranges = np.log(data["high"][bars] / data["low"][bars])
        if (
            _autocorrelation(returns) > SMOOTH
            and _is_noisy(np.diff(returns), returns)
            and _is_noisy(np.diff(ranges), ranges)
            and _autocorrelation(np.diff(ranges)) > SMOOTH_RANGES
        ):
            return block * BLOCK
    return None


def typical_price(data: Prices, step: float) -> int | None:
    """Position of the first block whose closes are the mean of high, low and the price at the close, with the open or without.

    The price at the close is where the next bar opens. Markets have such closes now and then, by chance.

    :param step: the smallest one of the closes.
    """
    tolerance = 2 * rounding(data["close"], step)
    for with_open in (False, True):
        some = slice(0, len(data["close"]) - 1, STRIDE)
        if np.count_nonzero(np.abs(data["close"][some] - _mean(data, some, with_open)) <= tolerance) < LEAST:
            continue
        fits, counts = _is_mean(data, some, tolerance, with_open)
        fitting, counted = (in_blocks(each, BLOCK // STRIDE).sum(axis=1) for each in (fits, counts))
        looks = (counted * 2 >= BLOCK // STRIDE) & (fitting >= HALF * counted)
        for block in np.flatnonzero(looks).tolist():
            start = block * (BLOCK // STRIDE) * STRIDE
            stop = min(start + BLOCK // STRIDE * STRIDE, len(data["close"]) - 1)
            fits, counts = _is_mean(data, slice(start, stop), tolerance, with_open)
            if fits.sum() >= HALF * counts.sum():
                return start
    return None


def _is_mean(
    data: Prices, bars: slice, tolerance: float, with_open: bool
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether each close is that mean, and whether it differs clearly from the price at the close.

    :param bars: each has one behind it.
    """
    mean = _mean(data, bars, with_open)
    differs = np.abs(mean - data["open"][1:][bars]) > 8 * tolerance
    return differs & (np.abs(data["close"][bars] - mean) <= tolerance), differs


def _mean(data: Prices, bars: slice, with_open: bool) -> Floats:
    """Mean of high, low and the price at the close, with the open or without; each of the `bars` has one behind it."""
    at_close, parts = data["open"][1:][bars], data["high"][bars] + data["low"][bars]
    return (at_close + (parts + data["open"][bars])) / 4 if with_open else (at_close + parts) / 3


def _is_noisy(changes: Floats, values: Floats) -> bool:
    turns = (changes[1:] * changes[:-1] < 0).mean()
    return bool(turns >= TURNS and np.median(np.abs(changes)) > NOISE * np.median(np.abs(values)))


def _autocorrelation(values: Floats) -> float:
    """Correlation of each value with the next, in which a few large ones count no more than others."""
    centred = values - np.median(values)
    limit = 2 * np.median(np.abs(centred))
    clipped = np.clip(centred, -limit, limit)
    clipped -= clipped.mean()
    squares = float(clipped @ clipped)
    return float(clipped[1:] @ clipped[:-1]) / squares if squares > 0 else 0.0
