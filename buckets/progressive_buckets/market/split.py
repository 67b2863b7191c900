"""Training, validation and test parts in the order of time, with a purged stretch between them."""

from __future__ import annotations

from math import ceil

from attrs import frozen

from progressive_training import DataError

SMALLEST_PART = 200


@frozen
class Split:
    """Half-open ranges of bars. The `purge` bars between two parts belong to neither, so that no outcome that is
    learned from (up to the longest horizon ahead) lies in the part that judges it."""

    train: slice
    validation: slice
    test: slice
    purge: int


def bars_needed(longest: int, validation_share: float, test_share: float) -> int:
    """The least number of bars with which each part holds the longest horizon twice."""
    smallest = min(validation_share, test_share, 1 - validation_share - test_share)
    return ceil((max(2 * longest, SMALLEST_PART) + 1) / smallest) + 2 * purge_of(longest)


def purge_of(longest: int) -> int:
    """Bars between two parts: the longest horizon, and the two bars that a fill takes."""
    return longest + 2


def split_bars(count: int, longest: int, validation_share: float, test_share: float, bucket: str) -> Split:
    """Split `count` bars for a bucket whose longest horizon is `longest`.

    :raise DataError: too few bars.
    """
    needed = bars_needed(longest, validation_share, test_share)
    if count < needed:
        raise DataError(
            f"{bucket}: {count} bars are too few for its longest horizon of {longest} bars; at least {needed} are "
            f"needed. Give more bars, a finer FREQUENCY, or leave the longest horizons out with HORIZON_RANGE."
        )
    purge = purge_of(longest)
    usable = count - 2 * purge
    test = int(usable * test_share)
    validation = int(usable * validation_share)
    train = usable - validation - test
    return Split(
        train=slice(0, train),
        validation=slice(train + purge, train + purge + validation),
        test=slice(count - test, count),
        purge=purge,
    )
