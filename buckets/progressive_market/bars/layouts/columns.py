"""Which column is the time, which are the prices and which the volume."""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable, Iterable

import numpy as np
import pandas as pd
from attrs import evolve, field, frozen

from progressive_market.bars.bar_records import NO_TIME, PRICES, Floats, Times
from progressive_market.bars.layouts.bar_files import Table
from progressive_market.bars.layouts.clocks import join_clock
from progressive_market.bars.layouts.column_names import role, roles_of, split
from progressive_market.bars.layouts.decimal_signs import one_sign
from progressive_market.bars.layouts.markets import chosen, listed, markets_in, one_market, rows_of
from progressive_market.bars.layouts.numbers import numbers
from progressive_market.bars.layouts.shape import named_by_shape
from progressive_market.bars.layouts.structure import conflicts_of, market_column, unexplained
from progressive_market.bars.layouts.time_columns import bar_times, refuse_rounded
from progressive_market.bars.layouts.times import parse_times
from progressive_market.bars.layouts.volumes import VOLUMES, Volumes, settle
from progressive_training import DataError

MOST_IN_A_WINDOW = 0.25
"""Of the rows a model is asked about: those that conflict may lie close together, and be few in the file that it was trained on."""
FLATTENED = re.compile(r"\((?:'[^']*'|\d+)(?:, (?:'[^']*'|\d+))+\)")
"""A pair of names, of a table's double header, where it was written as text."""
AGAIN = "_again"
MOST_COLUMNS = 1_000  # each is held against each other one
MOST_UNNAMED = 64
MOST_LETTERS = 200  # of a column's name
MOST_LISTED = 500
GOES_WITH = 0.9  # of the rows in which a column of times stands the same way off the bars' own
NAMED_BY_LABEL = frozenset({"extra", "volume", "base_volume", "size", "tick_volume", "time"})
READABLE = 0.5  # of an extra column's rows, this share must hold numbers


@frozen(kw_only=True)
class Reading:
    """Rows of a source, understood: `time` in nanoseconds UTC (not-a-time where unreadable) and `columns` (open, high,
    low, close, volume, then extra ones; NaN where unreadable), in the order of the source, of which `skipped` lines gave
    no row. `market` is the one chosen, or the only one that the source names ("" where it names none); `left_out` are the
    columns that were not taken, each with the reason."""

    source: str
    time: Times = field(repr=False)
    columns: dict[str, Floats] = field(repr=False)
    skipped: int = 0
    notes: tuple[str, ...] = ()
    market: str = ""
    left_out: tuple[tuple[str, str], ...] = ()


def understand(
    table: Table,
    where: str,
    *,
    market: str | None = None,
    columns: Collection[str] | None = None,
    until: int | None = None,
) -> Reading:
    """Find the columns that make bars, by their names, or by what their numbers do where there are no names.

    :param where: the source, for errors.
    :param market: which one to take, where there are several.
    :param columns: names of the extra columns to keep, whatever their rows hold; None keeps those that can teach something.
    :param until: rows of this time and later are not there, in nanoseconds: nothing that they hold decides anything.
    :raise DataError: a column is missing, or two would do and differ.
    """
    if table.frame.empty:
        raise DataError(f"{where}: no rows")
    most, count = (MOST_COLUMNS if table.named else MOST_UNNAMED), table.frame.shape[1]
    if count > most:
        raise DataError(
            f"{where}: {count} columns; {most} at most can be read{'' if table.named else ' without names'}"
        )
    notes = list(table.notes)
    frame, name = one_market(_labelled(table.frame), market, where)
    joined = join_clock(frame, table.named, where)
    frame, decimal = one_sign(joined, roles_of(joined.columns), table.decimal, where, notes)
    if not table.named:
        frame = named_by_shape(frame, decimal, where)
        notes.append(f"no header: by their numbers the columns are {_listed(frame.columns)}")
    roles = roles_of(frame.columns)
    stamp, time = bar_times(frame, roles, where, notes)
    if until is not None and (late := time >= until).any():
        earlier = evolve(table, frame=joined[~late].reset_index(drop=True))
        return evolve(understand(earlier, where, columns=columns), market=name)
    values = {label: numbers(frame[label], decimal) for label in frame.columns if _is_number(label, roles)}
    if table.named:
        _no_two_of_a_name(table.frame, values, where)
    prices = {price: values[_price(price, roles, values, where, notes)] for price in PRICES}
    conflicts = conflicts_of(time, prices)
    if conflicts is not None and (columns is None or conflicts.share > MOST_IN_A_WINDOW):
        parting = market_column(frame, conflicts, where)
        if parting is None:
            refuse_rounded(stamp, frame[stamp], time, prices, where)
            raise unexplained(conflicts, where)
        if name and market is not None:
            there = listed(markets_in(frame[parting]).values())
            raise DataError(
                f"{where}: column {parting!r} parts the rows of {name} once more ({there}); give those of one"
            )
        one = chosen(market, markets_in(frame[parting]), f"column {parting!r}", where)
        rows = joined[rows_of(frame[parting], one)].drop(columns=joined.columns[list(frame.columns).index(parting)])
        return evolve(understand(evolve(table, frame=rows.reset_index(drop=True)), where, columns=columns), market=one)
    if market is not None and not name:
        raise DataError(f"{where}: market {market!r} is asked for, and no market is named there; leave it out")
    volumes = settle(Volumes(roles=roles, values=values, close=prices["close"]), where, notes)
    taken = {"time", "close_time", "price", "symbol", "ignored", *PRICES, *VOLUMES}
    others = {label: values[label] for label in values if roles[label] not in taken or label in volumes.spare}
    core = {**prices, "volume": volumes.volume}
    extra = _named(others, roles, volumes.extra)
    left_out = {} if columns is not None else _left_out(extra, core, time)
    kept = [name for name in extra if name not in left_out and (columns is None or name in columns)]
    if kept:
        notes.append(f"extra columns: {_listed(kept)}")
    return Reading(
        source=where,
        time=time,
        columns={**core, **{name: extra[name] for name in kept}},
        skipped=table.skipped,
        notes=tuple(notes),
        market=name,
        left_out=tuple(left_out.items()),
    )


def _labelled(frame: pd.DataFrame) -> pd.DataFrame:
    """The same columns under text labels, each once."""
    labels: list[str] = []
    for name in frame.columns:
        label = _label(name)
        while label in labels:
            label += AGAIN
        labels.append(label)
    return frame if labels == [*frame.columns] else frame.set_axis(labels, axis="columns")


def _label(name: Hashable) -> str:
    text = " ".join(str(part) for part in name) if isinstance(name, tuple) else str(name)
    if FLATTENED.fullmatch(text):
        text = " ".join(one or other for one, other in re.findall(r"'([^']*)'|(\d+)", text))
    return " ".join(text.split())[:MOST_LETTERS]


def _listed(names: Iterable[str]) -> str:
    """Names for an error or a note, as many as can be read."""
    text = ", ".join(names)
    return text if len(text) <= MOST_LISTED else f"{text[:MOST_LISTED]}..."


def _is_number(label: str, roles: dict[str, str]) -> bool:
    return roles[label] not in {"time", "close_time", "symbol", "ignored"}


def _no_two_of_a_name(frame: pd.DataFrame, values: dict[str, Floats], where: str) -> None:
    """Two columns of one name that matters must be the same: nobody could say which is meant."""
    names = [_label(name) for name in frame.columns]
    for name in sorted({name for name in names if names.count(name) > 1}):
        one, other = values.get(name), values.get(name + AGAIN)
        matters = role(name) in {*PRICES, "price", "volume", "base_volume", "quote_volume"}
        if matters and one is not None and other is not None and not np.array_equal(one, other, equal_nan=True):
            raise DataError(f"{where}: {names.count(name)} columns are named {name!r} and differ; drop or rename one")


def _price(name: str, roles: dict[str, str], values: dict[str, Floats], where: str, notes: list[str]) -> str:
    """The column of one price; a plain `price` is the close where no other is."""
    found = [label for label in values if roles[label] == name]
    if not found and name == "close":
        found = [label for label in values if roles[label] == "price"]
    exact = [label for label in found if label.lower() in (name, name[0])]
    if len(exact) == 1 and len(found) > 1:
        notes.append(f"the {name} price: took {exact[0]!r} out of {_listed(map(repr, found))}")
        found = exact
    if not found:
        raise DataError(
            f"{where}: no column for the {name} price among {_listed(roles)}; bars need open, high, low, close"
        )
    for other in found[1:]:
        if not np.array_equal(values[found[0]], values[other], equal_nan=True):
            raise DataError(
                f"{where}: columns {found[0]!r} and {other!r} both look like the {name} price and differ; drop one"
            )
    return found[0]


def _named(values: dict[str, Floats], roles: dict[str, str], before: dict[str, Floats]) -> dict[str, Floats]:
    """Extra columns under plain names: known ones under ours, the others in lower case with underscores, behind those that
    have a name (`before`)."""
    named = dict(before)
    for label, numbers_read in values.items():
        name = roles[label] if roles[label] not in NAMED_BY_LABEL else "_".join(split(label))
        name = name or label
        taken = name in named or name in {*PRICES, "volume", "time"}
        named[name + AGAIN * taken] = numbers_read
    return named


def _left_out(extra: dict[str, Floats], core: dict[str, Floats], time: Times) -> dict[str, str]:
    """The extra columns that can teach nothing, and why."""
    kept: dict[str, Floats] = {}
    left: dict[str, str] = {}
    for name, values in extra.items():
        why = _useless(values, time)
        same = next(
            (other for other, had in (core | kept).items() if np.array_equal(had, values, equal_nan=True)), None
        )
        if why or same:
            left[name] = why or f"the same as {same}"
        else:
            kept[name] = values
    return left


def _useless(values: Floats, time: Times) -> str | None:
    known = np.isfinite(values)
    if known.mean() < READABLE:
        return "no number in more than half of the rows"
    some = values[known]
    if some.min() == some.max():
        return "constant"
    steps = np.diff(some)
    if len(steps) > 2 and np.all(np.abs(steps) == 1) and steps.min() == steps.max():
        return "a count of rows"
    if _goes_with(values, time):
        return "a time"
    return None


def _goes_with(values: Floats, time: Times) -> bool:
    """Whether the values are times that stand the same way off `time` in nearly all rows."""
    times = parse_times(pd.Series(values), "")
    both = (times != NO_TIME) & (time != NO_TIME)
    if both.mean() < READABLE:
        return False
    offset = times[both] - time[both]
    return bool((np.abs(offset - np.median(offset)) < 10**9).mean() > GOES_WITH)
