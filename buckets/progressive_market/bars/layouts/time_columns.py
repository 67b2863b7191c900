"""Which column of a table is the time a bar opens at."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from progressive_market.bars.bar_records import MINUTE, NO_TIME, PRICES, Floats, Times, iso
from progressive_market.bars.layouts.column_names import TIME, split
from progressive_market.bars.layouts.times import (
    DAY,
    commonest_step,
    looks_like_time,
    parse_times,
    regular,
    without_zone,
)
from progressive_training import DataError

SECOND = 10**9  # nanoseconds
NEARLY_ALL = 0.95
CONTINUES = 0.5  # of what the price moves within a bar, it moves less from one bar to the next
FINENESS = 5000  # rows in which different times are counted
OF_ZONES = 15 * MINUTE  # zones differ by whole quarters of an hour


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
    best = some[0] if len(some) == 1 else _surest({label: parsed[label] for label in some}, frame, where)
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


def _surest(parsed: Mapping[str, Times], frame: pd.DataFrame, where: str) -> str:
    """The column that is most surely the time in UTC, in whatever order they stand: of those as fine as the finest, one
    of whole minutes, then one that names its zone or counts from 1970.

    :raise DataError: the surest are apart as zones are, and neither names its own.
    """
    known = {label: int(np.count_nonzero(times != NO_TIME)) for label, times in parsed.items()}
    full = [label for label in parsed if known[label] >= NEARLY_ALL * max(known.values())]
    different = {label: len(np.unique(parsed[label][:FINENESS])) for label in full}
    fine = [label for label in full if different[label] >= NEARLY_ALL * max(different.values())]
    sure = {label: (_in_whole_minutes(parsed[label]), _zone_is_known(label, frame[label])) for label in fine}
    best = [label for label in fine if sure[label] == max(sure.values())]
    for other in best[1:]:
        if sure[other][1] < 1 and _zones_apart(parsed[best[0]], parsed[other]):
            raise DataError(
                f"{where}: columns {best[0]!r} and {other!r} are times of two zones, and neither says which is UTC; drop "
                "the local one"
            )
    return max(best, key=lambda label: (known[label], different[label], _are_days(parsed[label])))


def _in_whole_minutes(times: Times) -> bool:
    """Whether nearly all are in whole minutes, or seconds of bars so short, as opens are and times of arrival are not."""
    unit = MINUTE if commonest_step(times)[0] % MINUTE == 0 else SECOND
    return bool((times[times != NO_TIME] % unit == 0).mean() > NEARLY_ALL)


def _zone_is_known(label: str, written: pd.Series) -> int:
    """1 for times that are surely in UTC: epochs, an explicit zone, or a name that says so; -1 for local ones by name."""
    words = " ".join(split(label))
    if "utc" in words or "gmt" in words or not without_zone(written):
        return 1
    return -int("local" in words)


def _are_days(times: Times) -> bool:
    return not bool((times[times != NO_TIME] % DAY).any())


def _zones_apart(one: Times, other: Times) -> bool:
    """Whether two columns are nearly everywhere as far apart as two zones can be; days, or the open and the end of one bar,
    are no such times."""
    if _are_days(one) or _are_days(other) or _ends(one, other) or _ends(other, one):
        return False
    both = (one != NO_TIME) & (other != NO_TIME)
    apart = np.abs(one[both] - other[both])
    zones = (apart > 0) & (apart % OF_ZONES == 0) & (apart <= DAY)
    return bool(len(apart)) and bool(zones.mean() > NEARLY_ALL)


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
    there = times != NO_TIME
    known = times if there.all() else times[there]

    def short(part: Times) -> NDArray[np.bool_]:
        left = -part % MINUTE
        return (left > 0) & (left <= SECOND)

    too_many = known[: int((1 - NEARLY_ALL) * len(known)) + 1]  # to be others
    return bool(short(too_many).any() and short(known).mean() > NEARLY_ALL)


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
