"""A date in one column, or in three, and the time of day in another become one column of times."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from progressive_market.bars.bar_records import NO_TIME, Floats, Times
from progressive_market.bars.layouts.column_names import role, split
from progressive_market.bars.layouts.numbers import as_text
from progressive_market.bars.layouts.times import DAY, commonest_step, looks_like_time, parse_times, regular

JOINED, JOINED_ENDS = "date and time", "date and close time"
ENDS = frozenset({"close", "closing", "end", "ending"})
DAY_SECONDS = 86_400
DATE_PARTS = ("year", "month", "day")
NAMES = frozenset("time clock hour hours hr hh hhmm hhmmss hms timeofday daytime tod uhrzeit uhr zeit stunde".split())
MINUTES = frozenset("minute minutes min mm".split())
SECOND = 10**9
NEARLY_ALL = 0.99
REGULAR = 0.9  # of the steps between times are the commonest one, where columns have no names
_NUMBER = r"^\d{1,6}(?:[.,]\d+)?$"
_TEXT = r"^(?P<hour>\d{1,2})[:.h](?P<minute>\d{2})(?:[:.](?P<second>\d{2}(?:[.,]\d+)?))? ?(?P<half>am|pm)?"
_ZONE = r" ?(?:z|utc|gmt)?(?:(?P<sign>[+-])(?P<east>\d{2}):?(?P<past>\d{2})?)?$"


def join_clock(frame: pd.DataFrame, named: bool, where: str) -> pd.DataFrame:
    """The frame with one column for a date and its clock where they stand apart, whatever types they have.

    A clock is text like 13:30, or numbers like 133000, 1330, 13 or 13.30 in a column that is named as one; without names,
    numbers beside a date that make regular steps.

    :raise DataError: days cannot be distinguished from months.
    """
    frame = _join_date(frame) if named else frame
    clocks = [label for label in frame.columns if _may_be_clock(frame, label, named)]
    if not clocks:
        return frame
    looks = [label for label in frame.columns if label not in clocks and looks_like_time(frame[label])]
    times = {label: parse_times(frame[label], f"{where}, column {label!r}") for label in looks}
    days = {label: each for label, each in times.items() if _midnights(each)}
    whole = [
        label
        for label in times
        if label not in days and (frame[label].dtype.kind not in "iuf" or regular(times[label]))
    ]
    if not days or whole:
        return frame
    for clock in clocks:
        places = list(frame.columns)
        date = min(days, key=lambda label: abs(places.index(label) - places.index(clock) + 0.5))
        joined = _joined(days[date], frame[clock], strict=not named and frame[clock].dtype.kind in "iuf")
        if joined is None:
            continue
        parts = [date, clock]
        minutes = next((label for label in frame.columns if named and "".join(split(label)) in MINUTES), None)
        if minutes is not None and not (joined % (3600 * SECOND)).any():
            finer = _joined(joined, frame[minutes], strict=False, readings=(_minutes,))
            if finer is not None:
                joined, parts = finer, [*parts, minutes]
        both = pd.Series(joined.view("datetime64[ns]"), index=frame.index)
        rest = frame.drop(columns=parts)
        # A bar that is stamped 24:00 ended then: none begins there.
        ends = bool(ENDS & {*split(clock), *split(date)}) or ((joined - days[date])[joined != NO_TIME] == DAY).any()
        rest.insert(min(map(places.index, parts)), JOINED_ENDS if ends else JOINED, both, allow_duplicates=True)
        return rest
    return frame


def _join_date(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with one column for whole numbers in columns named year, month and day; as it is where it has times."""
    found = {"".join(split(label)): label for label in frame.columns if frame[label].dtype.kind in "iu"}
    if not found.keys() >= set(DATE_PARTS) or any(role(label) in {"time", "close_time"} for label in frame.columns):
        return frame
    parts = [found[name] for name in DATE_PARTS]
    year, month, day = (frame[label].astype("int64") for label in parts)
    date = year * 10_000 + month * 100 + day  # 20240131
    rest = frame.drop(columns=parts)
    rest.insert(0, "date", date)
    return rest if looks_like_time(date) else frame


def _may_be_clock(frame: pd.DataFrame, label: str, named: bool) -> bool:
    values = frame[label]
    kind = values.dtype.kind
    if kind in "bM":
        return False
    if kind == "m":
        return True
    if kind not in "iuf":
        sample = pc.drop_null(as_text(values.dropna().iloc[:200]))
        text = pc.utf8_lower(pc.utf8_trim_whitespace(sample))
        if not len(text):
            return False
        if _share(pc.match_substring_regex(text, _TEXT + _ZONE)) > NEARLY_ALL:
            return True
        if not _share(pc.match_substring_regex(text, _NUMBER)) > NEARLY_ALL:
            return False
    if named:
        words = split(label)
        return "".join(words) in NAMES or (len(words) > 1 and bool(NAMES & set(words)))
    before = list(frame.columns).index(label) - 1
    return before >= 0 and looks_like_time(frame.iloc[:, before])


def _midnights(times: Times) -> bool:
    known = times[times != NO_TIME]
    return bool(len(known) and not (known % DAY).any())


def _joined(
    days: Times, clock: pd.Series, *, strict: bool, readings: tuple[Callable[[Floats], Floats], ...] | None = None
) -> Times | None:
    """Date and clock added up by the reading that makes the most regular steps; None where none fits all rows."""
    best: Times | None = None
    most = -1.0
    for seconds in _readings(clock, readings):
        good = np.isfinite(seconds) & (days != NO_TIME)
        if good.sum() < NEARLY_ALL * (days != NO_TIME).sum():
            continue
        times = np.full(len(days), NO_TIME)
        times[good] = days[good] + np.round(seconds[good] * 1e6).astype(np.int64) * 1000
        share = commonest_step(times)[1]
        if share > most + 1e-9:  # the first of equals
            best, most = times, share
    if best is None or (strict and (most < REGULAR or len(np.unique(best)) < NEARLY_ALL * len(best))):
        return None
    return best


def _readings(clock: pd.Series, readings: tuple[Callable[[Floats], Floats], ...] | None) -> list[Floats]:
    """Seconds since midnight by each way of writing, NaN where a value is none of its kind."""
    if clock.dtype.kind == "m":
        return [clock.dt.total_seconds().to_numpy(dtype=np.float64)]
    if clock.dtype.kind in "iuf":
        return _of_numbers(clock.to_numpy(dtype=np.float64, na_value=np.nan), readings)
    text = pc.utf8_lower(pc.utf8_trim_whitespace(as_text(clock)))
    digits = pc.match_substring_regex(text, _NUMBER)
    if _share(digits) > NEARLY_ALL:
        plain = pc.cast(pc.replace_substring(pc.if_else(digits, text, None), ",", "."), pa.float64())
        return _of_numbers(np.asarray(pc.fill_null(plain, np.nan)), readings)
    return [_of_text(text)]


def _of_numbers(values: Floats, readings: tuple[Callable[[Floats], Floats], ...] | None) -> list[Floats]:
    ways = readings or (_hours, _hours_and_minutes, _compact, _pointed, _decimal_hours, _parts_of_a_day)
    return [way(values) for way in ways]


def _hours(values: Floats) -> Floats:
    return _seconds(values, 0 * values, 0 * values, whole=values)


def _minutes(values: Floats) -> Floats:
    return _seconds(0 * values, values, 0 * values, whole=values)


def _hours_and_minutes(values: Floats) -> Floats:
    return _seconds(values // 100, values % 100, 0 * values, whole=values)


def _compact(values: Floats) -> Floats:
    return _seconds(values // 10_000, values // 100 % 100, values % 100, whole=values)


def _pointed(values: Floats) -> Floats:
    """13.30 is half past one."""
    hundredths = np.round(values * 100)
    return _seconds(hundredths // 100, hundredths % 100, 0 * values, whole=np.where(_near(values * 100), 0, np.nan))


def _decimal_hours(values: Floats) -> Floats:
    """13.5 is half past one."""
    minutes = np.round(values * 60)
    return _seconds(
        minutes // 60, minutes % 60, 0 * values, whole=np.where(np.abs(values * 60 - minutes) < 0.01, 0, np.nan)
    )


def _parts_of_a_day(values: Floats) -> Floats:
    """0.5625 is half past one, as spreadsheets count."""
    return np.where((values >= 0) & (values < 1), np.round(values * DAY_SECONDS), np.nan)


def _near(values: Floats) -> np.ndarray:
    return np.abs(values - np.round(values)) < 1e-6


def _seconds(hours: Floats, minutes: Floats, seconds: Floats, *, whole: Floats) -> Floats:
    """Seconds since midnight, 24:00 included; NaN where a part is out of range or `whole` is no whole number."""
    with np.errstate(invalid="ignore"):
        good = (whole % 1 == 0) & (hours >= 0) & (minutes >= 0) & (minutes < 60) & (seconds >= 0) & (seconds < 60)
        total = hours * 3600 + minutes * 60 + seconds
        return np.where(good & (total <= DAY_SECONDS), total, np.nan)


def _of_text(text: pa.Array) -> Floats:
    found = pc.extract_regex(text, _TEXT + _ZONE)
    hour, minute, second, east, past = (
        np.asarray(pc.cast(pc.fill_null(_number(pc.struct_field(found, name)), "nan"), pa.float64()))
        for name in ("hour", "minute", "second", "east", "past")
    )
    offset = (east * 60 + past) * 60
    offset = np.where(np.asarray(pc.fill_null(pc.equal(pc.struct_field(found, "sign"), "-"), False)), -offset, offset)
    half = pc.struct_field(found, "half")
    twelve = np.asarray(pc.fill_null(pc.not_equal(half, ""), False))
    afternoon = np.asarray(pc.fill_null(pc.equal(half, "pm"), False))
    good = ~twelve | ((hour >= 1) & (hour <= 12))
    hour = np.where(twelve, hour % 12 + 12 * afternoon, hour)
    return np.where(good, _seconds(hour, minute, second, whole=0 * hour) - offset, np.nan)


def _number(text: pa.Array) -> pa.Array:
    return pc.replace_substring(pc.if_else(pc.equal(text, ""), "0", text), ",", ".")


def _share(hits: pa.Array) -> float:
    return float(pc.mean(pc.fill_null(hits, False)).as_py() or 0.0)
