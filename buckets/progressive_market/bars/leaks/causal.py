"""Finds features that see later bars: computed again on bars that end earlier, a row of theirs changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from progressive_market.bars.bar_records import Bars, iso
from progressive_training import DataError

FeatureFunction = Callable[[Bars], NDArray[np.floating]]
"""From bars to features, one row a bar: [bars, features]."""

EXCERPT = 4000  # bars on which features are computed again
CUTS = (0.35, 0.5, 0.73, 0.99)  # shares of the excerpt at which the bars are cut off
SAME = 1e-5  # relative difference that counts as equal: a sum over fewer bars may be rounded differently


def check_causal(feature_function: FeatureFunction, bars: Bars, names: Sequence[str] = ()) -> None:
    """Compute features again on bars that end earlier, at several places, and compare.

    :param feature_function: gives one row for each bar, from that bar and those before it.
    :param names: of its columns, for the message.
    :raise DataError: a row changes when later bars are taken away; the message says which.
    """
    for excerpt, stops in truncations(bars):
        whole = np.asarray(feature_function(excerpt))
        _one_row_a_bar(whole, len(excerpt))
        for stop in stops:
            part = np.asarray(feature_function(excerpt.between(0, stop)))
            _compare(whole[:stop], part, excerpt, stop, names)


def truncations(bars: Bars) -> Iterator[tuple[Bars, list[int]]]:
    """Excerpts of `bars`, at the beginning and around the last gap, each with the numbers of its bars to compute again on."""
    for first in sorted({0, max(0, _last_gap(bars) - EXCERPT // 2)}):
        excerpt = bars.between(first, min(len(bars), first + EXCERPT))
        yield excerpt, sorted({max(2, int(cut * len(excerpt))) for cut in CUTS})


def _one_row_a_bar(features: NDArray[np.floating], bars: int) -> None:
    if len(features) != bars:
        raise DataError(f"features: {bars} bars gave {len(features)} rows; expected one row for each bar")


def _last_gap(bars: Bars) -> int:
    return int(np.searchsorted(bars.segment, bars.segment[-1]))


def _compare(
    whole: NDArray[np.floating], part: NDArray[np.floating], bars: Bars, stop: int, names: Sequence[str]
) -> None:
    _one_row_a_bar(part, stop)
    whole, part = whole.reshape(stop, -1), part.reshape(stop, -1)
    size = np.nan_to_num(np.abs(whole)).mean(axis=0) + 1e-12
    changed = ~np.isclose(part, whole, rtol=SAME, atol=SAME * size, equal_nan=True)
    if changed.any():
        row, column = (int(position[0]) for position in np.nonzero(changed))
        count = len(np.flatnonzero(changed.any(axis=0)))
        raise DataError(
            f"features: {count} of {whole.shape[1]} see later bars: {names[column] if names else f'feature {column}'} of the bar at "
            f"{iso(bars.time[row : row + 1])[0]} is {whole[row, column]:.6g} with the bars after "
            f"{iso(bars.time[stop - 1 : stop])[0]} and {part[row, column]:.6g} without; use only that bar and earlier ones"
        )
