"""Training, validation and test part, in the order of time, with purged bars between them."""

from __future__ import annotations

from math import ceil

from attrs import frozen

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
    validation, test = int(count * (1 - validation_share - test_share)), int(count * (1 - test_share))
    return Split(
        train=slice(0, validation - purge),
        validation=slice(validation, test - purge),
        test=slice(test, count),
    )
