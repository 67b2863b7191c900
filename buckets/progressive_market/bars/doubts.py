"""What a user must know of the bars before believing anything learned from them."""

from __future__ import annotations

import numpy as np

from progressive_market.bars.bar_records import MINUTE, Bars, iso
from progressive_training import DataError

DAY = 1440 * MINUTE  # no clock is further off
STILL = 0.9  # of the bars close where the one before did: hardly a market


def doubts(bars: Bars, now: int) -> list[str]:
    """Sentences for the user, none where nothing is wrong.

    :param now: nanoseconds since 1970, UTC.
    :raise DataError: the price never moves.
    """
    if np.ptp(bars.close) == 0 and np.ptp(bars.open) == 0:
        raise DataError(
            f"{bars.report.source}: the price is {bars.close[0]:g} on all {len(bars):,} bars; there is nothing to learn "
            "from a price that never moves, check the file"
        )
    told = ["no DATA given: a synthetic market is used, its results say nothing about a real one"] * bars.synthetic
    troubles = bars.report.troubles()
    if troubles:
        told.append(f"bars: {', '.join(troubles)}")
    later = np.flatnonzero(bars.time > now + DAY)
    if len(later) and not bars.synthetic:
        told.append(
            f"bars: {len(later):,} of {len(bars):,} lie in the future, the first at {iso(bars.time[later[:1]])[0]}; "
            "check the times of the file"
        )
    still = float((np.diff(bars.close) == 0).mean())
    if still > STILL:
        told.append(
            f"bars: the close is that of the bar before on {still:.0%} of the bars; try a longer FREQUENCY, or check "
            "the file"
        )
    return told
