"""Bars of a local day, which stand an hour off in UTC for half the year."""

from __future__ import annotations

import numpy as np

from progressive_market.bars.bar_records import MINUTE, Times, iso
from progressive_training import DataError

HOUR = 60 * MINUTE
DAY = 24 * HOUR
MANY = 0.01  # of the rows
NEARLY_ALL = 0.95
STRETCH = 10 * DAY  # between two changes at least, on average


def refuse_daylight_saving(time: Times, excess: Times, interval: int, where: str) -> None:
    """Refuse bars of some hours or days whose opens change by an hour for months, as those of a local day do.

    Moving them would put half of them an hour, or nearly a day, too early.

    :param time: bar opens in order; `excess` is how far each is after the bar open before it.
    :raise DataError: many rows are off the grid, nearly all of them by the same hour, in long stretches.
    """
    off = excess != 0
    if off.mean() <= MANY or interval <= HOUR:
        return
    hour_off = (excess == HOUR) | (excess == interval - HOUR)
    changes = np.flatnonzero(np.diff(hour_off)) + 1
    if hour_off.sum() < NEARLY_ALL * off.sum() or len(np.unique(excess[hour_off])) > 1:
        return
    bars_each = min(hour_off.sum(), (~hour_off).sum()) / (len(changes) + 1) * 2
    if not len(changes) or bars_each * interval < STRETCH:
        return
    at = changes[0]
    before, after = (moment[11:16] for moment in iso(time[[at - 1, at]]))
    raise DataError(
        f"{where}: bars of a local day: their opens change with daylight saving ({before} to {after} UTC, first at "
        f"{iso(time[[at]])[0]}); give bars of UTC days, or shorter ones (1h) and FREQUENCY"
    )
