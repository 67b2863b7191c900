"""Tables whose rows are bars as they stand, with nothing to interpret: a new row of one is told from those before it at once."""

from __future__ import annotations

from collections.abc import Collection
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from attrs import frozen

from progressive_market.bars.bar_records import PRICES
from progressive_market.bars.cleaning import HUGE
from progressive_market.bars.layouts.column_names import role

if TYPE_CHECKING:
    from progressive_market.bars import Bars
    from progressive_market.bars.bar_records import Floats, Times

CORE = (*PRICES, "volume")
PLAIN_EXTRA = ("extra", "trades", "vwap")
"""Roles of extra columns that are taken as they are."""


@frozen
class PlainTable:
    """Columns of a table: `time` [T] in nanoseconds since 1970, and `columns` [T] by name, the prices and the volume among them."""

    time: Times
    columns: dict[str, Floats]

    def copied(self) -> PlainTable:
        """The same in memory of its own: a caller may change his table."""
        return PlainTable(self.time.copy(), {name: values.copy() for name, values in self.columns.items()})

    def closed(self, interval: int, now: int) -> PlainTable:
        """The rows whose bar, of that length, has ended `now`; all where the newest has not begun."""
        if not len(self.time) or self.time[-1] > now:
            return self
        stop = len(self.time) - (self.time[-1] + interval > now)
        return PlainTable(self.time[:stop], {name: values[:stop] for name, values in self.columns.items()})

    def holds(self, bars: Bars) -> bool:
        """Whether its rows are these `bars`, of which reading and cleaning changed nothing."""
        if bars.absent is not None or bars.source_interval != bars.interval or not np.array_equal(self.time, bars.time):
            return False
        read = {**{name: getattr(bars, name) for name in CORE}, **bars.extra}
        return read.keys() == self.columns.keys() and all(
            np.array_equal(values, read[name], equal_nan=True) for name, values in self.columns.items()
        )

    def goes_on(self, before: PlainTable, dropped: int) -> bool:
        """Whether it begins with all rows of the one `before` but the first so many."""
        count = len(before.time) - dropped
        pairs = ((values[dropped:], self.columns[name][:count]) for name, values in before.columns.items())
        return bool((before.time[dropped:] == self.time[:count]).all()) and all(
            bool((one == other).all()) or np.array_equal(one, other, equal_nan=True) for one, other in pairs
        )

    def plain_from(self, first: int, interval: int) -> bool:
        """Whether each row from `first` on is a whole bar right behind the one before, and nothing of it is missing."""
        times = self.time[first - 1 :].tolist()
        rows = zip(*(self.columns[name][first:].tolist() for name in CORE), strict=True)
        return (
            all(later - time == interval for time, later in pairwise(times))
            and all(
                0 < low <= opened <= high < HUGE and low <= close <= high and 0 <= volume <= HUGE
                for opened, high, low, close, volume in rows
            )
            and all(np.isfinite(values[first:]).all() for name, values in self.columns.items() if name not in CORE)
        )


def may_be_plain(extra: Collection[str]) -> bool:
    """Whether a table with these `extra` columns can be plain: none of them may be taken for something else by its name."""
    return all(role(name) in PLAIN_EXTRA for name in extra)


def plain_table(source: object, extra: Collection[str]) -> PlainTable | None:
    """The columns of a frame of times and numbers that has prices, volume and these `extra` ones and no other; None of anything else."""
    if not isinstance(source, pd.DataFrame):
        return None
    names, index, count = (*CORE, *extra), source.index, source.shape[1]
    if not 0 <= count - len(names) <= 1:
        return None
    given = dict(source.items())
    others = given.keys() - names
    if len(given) < count or len(others) != count - len(names):
        return None
    if others and isinstance(index, pd.RangeIndex):
        (label,) = others
        times = given[label].array
    elif not others and isinstance(index, pd.DatetimeIndex):
        label, times = "index" if index.name is None else str(index.name), index.array
    else:
        return None
    if not isinstance(times, pd.arrays.DatetimeArray) or role(label) != "time":
        return None
    columns = {name: given[name].to_numpy() for name in names}
    if any(values.dtype != np.float64 for values in columns.values()):
        return None
    return PlainTable(np.asarray(times, dtype="M8[ns]").view(np.int64), columns)
