"""Training, validation and test part, in the order of time, with purged bars between them."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from progressive_training import DataError

SMALLEST_PART = 200


@frozen
class Split:
    """Half-open ranges of bars.

    Each part begins at the same bar for every bucket, so that no bucket trains on bars that validate or test another one.
    The purged bars before the next part belong to none: no outcome that is learned from, up to the longest horizon ahead,
    lies in a part that judges the model.
    """

    train: slice
    validation: slice
    test: slice


def bars_needed(longest: int, validation_share: float, test_share: float) -> int:
    """The least number of bars with which each part holds the longest horizon twice."""
    smallest = min(validation_share, test_share, 1 - validation_share - test_share)
    return ceil((max(2 * longest, SMALLEST_PART) + purge_of(longest) + 2) / smallest)


def purge_of(longest: int) -> int:
    """Bars between two parts: the longest horizon, and the two bars that a fill takes."""
    return longest + 2


def parts_begin(count: int, validation_share: float, test_share: float) -> tuple[int, int, int]:
    """The bars of `count` at which training, validation and test begin."""
    return 0, int(count * (1 - validation_share - test_share)), int(count * (1 - test_share))


def split_bars(count: int, longest: int, validation_share: float, test_share: float, bucket: str) -> Split:
    """Split `count` bars for a bucket whose longest horizon is `longest`.

    :raise DataError: too few bars.
    """
    needed = bars_needed(longest, validation_share, test_share)
    if count < needed:
        fewest = bars_needed(1, validation_share, test_share)
        shorter = ", or leave the longest horizons out with HORIZON_RANGE" if count >= fewest else ""
        raise DataError(
            f"{bucket}: {count} bars are too few for its longest horizon of {longest} bars; at least {needed} are "
            f"needed. Give more bars or a finer FREQUENCY{shorter}."
        )
    purge = purge_of(longest)
    _, validation, test = parts_begin(count, validation_share, test_share)
    return Split(
        train=slice(0, validation - purge),
        validation=slice(validation, test - purge),
        test=slice(test, count),
    )


def split_at(times: NDArray[np.int64], parts: Sequence[int], longest: int, bucket: str) -> Split:
    """Split bars at given times, purged as `split_bars` purges. Where the bars end before the test part, it is empty.

    :param times: [T] opens of the bars. :param parts: when training, validation and test begin and test ends, in the same unit.
    :raise DataError: too few bars for training or validation.
    """
    first, validation, test, end = (int(bar) for bar in np.searchsorted(times, list(parts)))
    purge, needed = purge_of(longest), max(2 * longest, SMALLEST_PART)
    for name, bars in (("training", validation - purge - first), ("validation", test - purge - validation)):
        if bars < needed:
            raise DataError(
                f"{bucket}: PARTS leaves {max(bars, 0)} bars for {name} before the {purge} that part it from the next one; for its "
                f"longest horizon of {longest} bars at least {needed} are needed. Give longer parts, or leave the longest horizons "
                f"out with HORIZON_RANGE."
            )
    return Split(
        train=slice(first, validation - purge), validation=slice(validation, test - purge), test=slice(test, end)
    )
