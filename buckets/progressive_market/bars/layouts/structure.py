"""Rows that repeat a time with other prices: what a table of several markets, or of times that were misread, looks like."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from attrs import field, frozen
from numpy.typing import NDArray

from progressive_market.bars.bar_records import NO_TIME, PRICES, Floats, Times, iso
from progressive_market.bars.layouts.column_names import role, split
from progressive_market.bars.layouts.markets import IDENTIFIERS, as_names, factorized
from progressive_training import DataError
from progressive_training.presentation import share_text

MOST_CONFLICTING = 0.01  # of the rows: a few bars are written again when they are whole
FEW = 3  # conflicting rows that a short table may have, up to a quarter of its rows
MANY_NAMES = 10  # times as many names as rows of one time: markets begin and end, and are not all there at once
SHOWN = 3


@frozen(kw_only=True)
class Conflicts:
    """Rows of one time and other prices: the usable `rows` of the table in time order, of which `repeated` have the time of
    the row before and another price, `most` rows of one time, and the `time` and `prices` of all rows."""

    rows: NDArray[np.int64] = field(repr=False)
    repeated: NDArray[np.bool_] = field(repr=False)
    most: int
    time: Times = field(repr=False)
    prices: Mapping[str, Floats] = field(repr=False)

    @property
    def share(self) -> float:
        """Of the rows."""
        return float(self.repeated.mean())


def market_column(frame: pd.DataFrame, conflicts: Conflicts, where: str) -> str | None:
    """The column whose values part the rows into markets, without conflicts; None where there is none.

    :raise DataError: the column that parts them is the time of day.
    """
    label = _parting_column(frame, conflicts)
    if label is not None and _is_clock(frame, label, conflicts):
        raise DataError(
            f"{where}: {_counted(conflicts)} repeat a time, and column {label!r} (such as "
            f"{as_names(frame[label]).dropna().iloc[0]!r}) holds the time of day in a form that is not known; write date and "
            "time of day into one column, like 2024-01-31 13:00"
        )
    return label


def conflicts_of(time: Times, prices: Mapping[str, Floats]) -> Conflicts | None:
    """The conflicts of a table where they are too many for cleaning to settle.

    :param time: of each row, and so are `prices`.
    """
    usable = (time != NO_TIME) & np.isfinite(prices["close"])
    times = time if usable.all() else time[usable]
    if (times[1:] > times[:-1]).all() or (times[1:] < times[:-1]).all():
        return None
    rows = np.flatnonzero(usable)[np.argsort(times, kind="stable")]
    repeated = _repeated(rows, time, prices)
    if not _too_many(int(repeated.sum()), len(rows)):
        return None
    most = int(np.unique(time[rows], return_counts=True)[1].max())
    return Conflicts(rows=rows, repeated=repeated, most=most, time=time, prices=prices)


def _parting_column(frame: pd.DataFrame, conflicts: Conflicts) -> str | None:
    """The column whose values part the conflicting rows into tables without conflict; None where there is none."""
    found = []
    for label in frame.columns:
        codes, values = factorized(frame[label].iloc[conflicts.rows])
        if not 2 <= len(values) <= MANY_NAMES * conflicts.most or 2 * len(values) > len(codes):
            continue
        order = np.lexsort((np.arange(len(codes)), codes))
        rows, groups = conflicts.rows[order], codes[order]
        left = _repeated(rows, conflicts.time, conflicts.prices) & (groups[1:] == groups[:-1])
        if not _too_many(int(left.sum()), len(rows)):
            known = role(label) == "symbol" or bool(IDENTIFIERS & set(split(label)))
            found.append((int(left.sum()), not known, len(values), label))
    return min(found)[-1] if found else None


def _is_clock(frame: pd.DataFrame, label: str, conflicts: Conflicts) -> bool:
    """Whether the column that parts the rows is a time of day: in the order of the table one bar then opens where the one
    before it closed, while rows of one value are a day apart."""
    codes, _ = factorized(frame[label].iloc[conflicts.rows])
    within = conflicts.rows[np.lexsort((np.arange(len(codes)), codes))]
    time = conflicts.time[conflicts.rows]
    newest_first = conflicts.rows[np.lexsort((-conflicts.rows, time))]
    return min(_jump(conflicts.rows, conflicts), _jump(newest_first, conflicts)) < _jump(within, conflicts)


def unexplained(conflicts: Conflicts, where: str) -> DataError:
    """The error where no column says why rows conflict: it shows the first of them."""
    shown = []
    for at in np.flatnonzero(conflicts.repeated)[:SHOWN]:
        one, other = conflicts.rows[at : at + 2]
        price = next(name for name in PRICES if conflicts.prices[name][one] != conflicts.prices[name][other])
        values = f"{conflicts.prices[price][one]:.10g} and {conflicts.prices[price][other]:.10g}"
        shown.append(f"{iso(conflicts.time[[one]])[0]} ({price} {values})")
    return DataError(
        f"{where}: {_counted(conflicts)} repeat a time with other prices, first at {', '.join(shown)}; no column says why. "
        "Give the bars of one market, of one length, each once, and whole times"
    )


def _counted(conflicts: Conflicts) -> str:
    count = int(conflicts.repeated.sum())
    return f"{count:,} of {len(conflicts.rows):,} rows ({share_text(count / len(conflicts.rows))})"


def _too_many(conflicting: int, rows: int) -> bool:
    return conflicting > MOST_CONFLICTING * rows and (conflicting > FEW or 4 * conflicting > rows)


def _repeated(rows: NDArray[np.int64], time: Times, prices: Mapping[str, Floats]) -> NDArray[np.bool_]:
    """Which of `rows`, but the last, are followed by one of the same time and another price."""
    differ = np.zeros(len(rows) - 1, dtype=bool)
    for name in PRICES:
        differ |= prices[name][rows[1:]] != prices[name][rows[:-1]]
    differ &= time[rows[1:]] == time[rows[:-1]]
    return differ


def _jump(rows: NDArray[np.int64], conflicts: Conflicts) -> float:
    """The median distance from a close to the open of the next row, in log units."""
    with np.errstate(divide="ignore", invalid="ignore"):
        jumps = np.abs(np.log(conflicts.prices["open"][rows[1:]] / conflicts.prices["close"][rows[:-1]]))
    return float(np.median(jumps[np.isfinite(jumps)], axis=0)) if np.isfinite(jumps).any() else 0.0
