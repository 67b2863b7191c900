"""Values that hold for a period, such as a table by day merged on finer bars, and that know how the period ends.

The last price, the high or the low of a day stands on all of its bars only where it was written after the day. A value is
asked where it is new, about the bars until the next new one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from progressive_market.bars.bar_records import Bars, Floats
from progressive_market.bars.leaks.column_forms import as_prices
from progressive_market.bars.leaks.evidence import LONGER, UNSURE, Evidence
from progressive_market.bars.leaks.leak_targets import Rows, sampled
from progressive_market.bars.leaks.rare_rows import ranked

ROWS = 10_000  # in which a value that holds is looked for
HELD = 0.75  # share of the rows that repeat the value of the row before, at least
SAME = 1e-9  # relative difference of two values that are one
LEAST = 60  # periods without which nothing is asked
REGULAR = 0.5
"""Share of the periods that must be of one length, as days are. Others may end where the price ends them: the high of a day so
far stands until a higher price comes."""
EXTREMES = 0.6
"""R² that no honest value reaches of a period's high or low over its first close; the size of moves is known in part."""


def held_values(bars: Bars, columns: Mapping[str, Floats]) -> Iterator[Evidence]:
    """Evidence of columns that know the return, the high or the low of the period in which they hold one value."""
    rows = sampled(np.arange(1, len(bars)), ROWS)
    for name, values in columns.items():
        before = _forms(values[rows - 1], bars.close[rows - 1])
        for form, now in _forms(values[rows], bars.close[rows]).items():
            if form in before and HELD < _same(before[form], now).mean() < 1:
                whole = _forms(values, bars.close).get(form, values)
                starts = np.flatnonzero(~_same(whole[:-1], whole[1:])) + 1
                yield from _known_periods(bars, name, form, whole, starts)


def _forms(values: Floats, close: Floats) -> dict[str, Floats]:
    """The column, and the prices that it may hold."""
    return {**dict(as_prices(values, close)), "its level": values}


def _same(before: Floats, now: Floats) -> NDArray[np.bool_]:
    return np.abs(now - before) <= SAME * np.abs(now)


def _known_periods(bars: Bars, name: str, form: str, shown: Floats, starts: Rows) -> Iterator[Evidence]:
    """Evidence that the value at the start of each period explains what comes after its first bar."""
    starts, stops = starts[:-1], starts[1:]
    lengths = stops - starts
    usual = int(np.median(lengths)) if len(lengths) else 0
    if usual < 2 or (lengths == usual).mean() < REGULAR:
        return
    kept = (lengths == usual) & (bars.segment[starts] == bars.segment[stops - 1]) & np.isfinite(shown[starts])
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
