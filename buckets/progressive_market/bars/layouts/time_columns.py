"""Which column of a table is the time a bar opens at."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from progressive_market.bars.bar_records import MINUTE, PRICES, Floats, Times, iso
from progressive_market.bars.layouts.column_names import TIME, split
from progressive_market.bars.layouts.times import (
    DAY,
    NO_TIME,
    commonest_step,
    looks_like_time,
    parse_times,
    regular,
)
from progressive_training import DataError

SECOND = 10**9  # nanoseconds
NEARLY_ALL = 0.95
CONTINUES = 0.5  # of what the price moves within a bar, it moves less from one bar to the next
FINENESS = 5000  # rows in which different times are counted


def bar_times(frame: pd.DataFrame, roles: dict[str, str], where: str, notes: list[str]) -> tuple[str, Times]:
    """The column of bar opens and its times. Bars that are stamped with their close are moved to their open.

    :param roles: what each column is by its name; set to `time` for those that are times, to `extra` for one that only
        has a name like it.
    :raise DataError: there is none.
    """
    parsed = _parsed(frame, roles, where)
    ends = {label: times for label, times in parsed.items() if roles[label] == "close_time"}
    starts = {label: times for label, times in parsed.items() if label not in ends}
    if not parsed:
        raise DataError(
            f"{where}: no column of times among {', '.join(frame.columns)[:500]}; expected one like time, date or "
            f"open_time, as seconds, milliseconds or text{_seen(frame, roles)}"
        )
    some = [*(starts or ends)]
    best = some[0] if len(some) == 1 else max(some, key=lambda label: _fineness(parsed[label]))
    earlier = next((label for label in parsed if label != best and _ends(parsed[best], parsed[label])), None)
    if earlier is not None:
        notes.append(f"times: {earlier} is a bar length before {best}: taken as the open")
        best = earlier
    for label in [*starts] if best in starts else []:
        if label != best and not _ends(parsed[label], parsed[best]):
            _compare(label, parsed[label], best, parsed[best], notes)
    for label in starts:
        roles[label] = "time"
    closes = earlier is None and (
        best in ends or _stops_short(parsed[best]) or any(_same(parsed[best], times) for times in ends.values())
    )
    if closes:
        notes.append(f"only the bar's end is given ({best}): a bar length was taken off")
        return best, _opens(parsed[best])
    return best, parsed[best]


def refuse_rounded(label: str, written: pd.Series, time: Times, prices: Mapping[str, Floats], where: str) -> None:
    """Refuse times of which a spreadsheet kept only the first digits: neighbours share one, and their prices go on.

    :raise DataError: most bars share their time with their neighbour and are different bars of one market.
    """
    opened, closed = prices["open"], prices["close"]
    again = (time[1:] == time[:-1]) & (time[1:] != NO_TIME)
    changed = np.any([prices[name][1:] != prices[name][:-1] for name in PRICES], axis=0)
    shared = again & changed
    rows = np.zeros(len(time), dtype=bool)
    rows[1:] |= shared
    rows[:-1] |= shared
    if rows.sum() <= 0.5 * len(time):
        return
    # Rows of several markets share their times too, but one does not open where the other closed.
    with np.errstate(divide="ignore", invalid="ignore"):
        ways = [np.abs(np.log(one / other)) for one, other in ((opened[1:], closed[:-1]), (closed[1:], opened[:-1]))]
        body = np.abs(np.log(closed / opened))
    if min(np.nanmedian(way[shared]) for way in ways) > CONTINUES * np.nanmedian(body):
        return
    example = written.iloc[int(np.flatnonzero(shared)[0])]
    raise DataError(
        f"{where}: the times in column {label!r} are rounded: most bars share one ({int(rows.sum()):,} of {len(time):,}, "
        f"the first {str(example)!r}); export them in full, with the time of day (a spreadsheet cuts long numbers and clocks)"
    )


def _parsed(frame: pd.DataFrame, roles: dict[str, str], where: str) -> dict[str, Times]:
    """The columns that are times by their name, else by their regular steps."""
    named = [label for label in frame.columns if roles[label] in {"time", "close_time"}]
    parsed = _times(frame, named, where)
    for label in [*parsed]:
        # Words like time in a longer name (time_weighted_value) do not make numbers of some size a time.
        if roles[label] == "time" and _is_number(frame[label]) and not (_is_named(label) or regular(parsed[label])):
            del parsed[label]
            roles[label] = "extra"
    if all(roles[label] == "close_time" for label in parsed):
        others = [label for label in frame.columns if roles[label] not in {*PRICES, "close_time", "ignored"}]
        found = {label: times for label, times in _times(frame, others, where).items() if regular(times)}
        parsed |= found
    return parsed


def _times(frame: pd.DataFrame, labels: Collection[str], where: str) -> dict[str, Times]:
    likely = [label for label in labels if looks_like_time(frame[label])]
    parsed = {label: parse_times(frame[label], f"{where}, column {label!r}") for label in likely}
    return {label: times for label, times in parsed.items() if (times != NO_TIME).any()}


def _is_named(label: str) -> bool:
    words = split(label)
    return "".join(words) in TIME or {"open", "time"} <= set(words)


def _is_number(values: pd.Series) -> bool:
    return values.dtype.kind in "iuf"


def _fineness(times: Times) -> tuple[int, int]:
    return int(np.count_nonzero(times != NO_TIME)), len(np.unique(times[:FINENESS]))


def _rounded_up(times: Times) -> Times:
    """The full second a close means: 23:59:59.999 and 23:59:59 mean midnight."""
    up = -(-times // SECOND) * SECOND
    return np.where(up % MINUTE == MINUTE - SECOND, up + SECOND, up)


def _ends(closes: Times, opens: Times) -> bool:
    """Whether nearly all of `closes` are a bar length after `opens`."""
    both = (closes != NO_TIME) & (opens != NO_TIME)
    step = commonest_step(opens)[0]
    if not step or not both.any():
        return False
    return bool((_rounded_up(closes[both]) - opens[both] == step).mean() > NEARLY_ALL)


def _same(times: Times, closes: Times) -> bool:
    """Whether `times` are the closes, too; dates without a clock are those of the whole bar."""
    both = (times != NO_TIME) & (closes != NO_TIME)
    if not both.any() or not (times[both] % DAY).any():
        return False
    return bool((_rounded_up(times[both]) == _rounded_up(closes[both])).mean() > NEARLY_ALL)


def _stops_short(times: Times) -> bool:
    """Whether nearly all are within a second before a full minute, where bars end and none begins."""
    known = times[times != NO_TIME]
    return bool(((-known % MINUTE > 0) & (-known % MINUTE <= SECOND)).mean() > NEARLY_ALL)


def _opens(closes: Times) -> Times:
    known = closes != NO_TIME
    out = closes.copy()
    out[known] = _rounded_up(closes[known])
    out[known] -= commonest_step(out)[0]
    return out


def _seen(frame: pd.DataFrame, roles: Mapping[str, str]) -> str:
    named = [label for label in frame.columns if roles[label] == "time"]
    return f" (got {named[0]} = {str(frame[named[0]].iloc[0])!r})" if named else ""


def _compare(label: str, times: Times, best: str, taken: Times, notes: list[str]) -> None:
    both = (times != NO_TIME) & (taken != NO_TIME)
    differ = np.flatnonzero(both & (np.abs(times - taken) >= MINUTE))
    if len(differ):
        first = iso(taken[differ[:1]])[0]
        notes.append(f"times: took {best}; {label} differs by a minute or more in {len(differ)} rows, first at {first}")
