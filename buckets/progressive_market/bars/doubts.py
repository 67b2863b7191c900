"""Warnings about the bars, for the user to check before relying on what is learned from them."""

from __future__ import annotations

import numpy as np

from progressive_market.bars.bar_records import MINUTE, Bars, iso
from progressive_training import DataError
from progressive_training.presentation import share_text

DAY = 1440 * MINUTE  # the largest error of a clock that is tolerated
STILL = 0.9  # share of bars with an unchanged close above which the data is doubtful


def doubts(bars: Bars, now: int) -> list[str]:
    """Warnings for the user; none where nothing is wrong.

    :param now: nanoseconds since 1970, UTC.
    :raise DataError: the price never moves.
    """
    if np.ptp(bars.close) == 0 and np.ptp(bars.open) == 0:
        raise DataError(
            f"{bars.report.source}: the price is {bars.close[0]:g} on all {len(bars):,} bars; there is nothing to learn "
            "from a price that never moves, check the file"
        )
    warnings = ["no DATA given: a synthetic market is used, its results say nothing about a real one"] * bars.synthetic
    troubles = bars.report.troubles()
    if troubles:
        warnings.append(f"bars: {', '.join(troubles)}")
    later = np.flatnonzero(bars.time > now + DAY)
    if len(later) and not bars.synthetic:
        warnings.append(
            f"bars: {len(later):,} of {len(bars):,} lie in the future, the first at {iso(bars.time[later[:1]])[0]}; "
            "check the times of the file"
        )
    still = float((np.diff(bars.close) == 0).mean())
    if still > STILL:
        warnings.append(
            f"bars: the close is that of the bar before on {share_text(still)} of the bars; try a longer FREQUENCY, or check "
            "the file"
        )
    return warnings
