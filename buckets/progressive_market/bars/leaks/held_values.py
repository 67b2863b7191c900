"""Values that hold for a period, such as a table by day merged on finer bars, and that know how the period ends.

The last price, the high or the low of a day stands on all of its bars only where it was written after the day. A value is
asked where it is new, about the bars until the next new one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from progressive_market.bars.bar_records import Bars, Floats
from progressive_market.bars.leaks.column_forms import as_prices
from progressive_market.bars.leaks.evidence import LONGER, UNSURE, Evidence
from progressive_market.bars.leaks.rare_rows import ranked

HELD = 0.75  # share of the rows that repeat the value of the row before, at least
SAME = 1e-9  # relative difference of two values that are one
LEAST = 60  # periods without which nothing is asked
EXTREMES = 0.6
"""R² that no honest value reaches of a period's high or low over its first close; the size of moves is known in part."""


def held_values(bars: Bars, columns: Mapping[str, Floats]) -> Iterator[Evidence]:
    """Evidence of columns that know the return, the high or the low of the period in which they hold one value."""
    for name, values in columns.items():
        for form, shown in _forms(values, bars.close):
            same = np.abs(np.diff(shown)) <= SAME * np.abs(shown[1:])
            if HELD < same.mean() < 1:
                yield from _known_periods(bars, name, form, shown, np.flatnonzero(~same) + 1)


def _forms(values: Floats, close: Floats) -> Iterator[tuple[str, Floats]]:
    yield "its level", values
    if np.isfinite(values).all():
        yield from as_prices(values, close)


def _known_periods(bars: Bars, name: str, form: str, shown: Floats, starts: np.ndarray) -> Iterator[Evidence]:
    """Evidence that the value at the start of each period explains what comes after its first bar."""
    starts, stops = starts[:-1], starts[1:]
    kept = (stops - starts > 1) & (bars.segment[starts] == bars.segment[stops - 1]) & np.isfinite(shown[starts])
    starts, stops = starts[kept], stops[kept]
    if len(starts) < LEAST:
        return
    first = bars.close[starts]
    edges = np.stack([starts + 1, stops], axis=1).ravel()  # of the bars after the first one, and of those between
    high = np.maximum.reduceat(bars.high, edges)[::2]
    low = np.minimum.reduceat(bars.low, edges)[::2]
    later = np.log(np.stack([bars.close[stops - 1], high, low], axis=1) / first[:, None])
    value = shown[starts]
    asked = np.stack([value, value / first], axis=1)
    shares = ((ranked(asked).T @ ranked(later) / len(starts)) ** 2).max(axis=0)
    limits = np.maximum([LONGER, EXTREMES, EXTREMES], UNSURE / len(starts))
    best = int((shares / limits).argmax())
    if shares[best] > limits[best]:
        what = ("return", "high", "low")[best]
        finding = f"explains the {what} of the bars until it changes"
        found, limit = float(shares[best]), float(limits[best])
        yield Evidence(columns=(name,), form=form, finding=finding, strength=found, limit=limit)
