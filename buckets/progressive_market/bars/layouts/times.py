"""Times as exchanges and spreadsheets write them, as nanoseconds since 1970 in UTC."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from progressive_market.bars.bar_records import NO_TIME, Floats, Times
from progressive_market.bars.layouts.numbers import as_text, numbers
from progressive_training import DataError

EARLIEST = 946_684_800  # 2000-01-01, before there were bars of BTC
LATEST = 4_102_444_800  # 2100-01-01
UNITS = (1, 10**3, 10**6, 10**9)  # seconds, milliseconds, microseconds, nanoseconds: their ranges above never overlap
DAY = 86_400 * 10**9
SAMPLE = 200  # values looked at to decide whether a column holds times at all

COMMON = 0.2  # of the steps between bars are the commonest, also where many are absent
WHOLE = 0.8  # of the steps between bars are multiples of it

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_NAME = r"(?P<name>[a-z]{3})[a-z]*\.?"
_CLOCK = (
    r"(?:[t ,_]+(?P<hour>\d{1,2})(?::?(?P<minute>\d{2})(?::?(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9})\d*)?)?)?"
    r"[ -]?(?P<half>am|pm)?)? ?(?P<zone>z|(?:utc|gmt)?(?: ?(?P<sign>[+-])(?P<east>\d{2}):?(?P<past>\d{2})?)?)"
)
_WEEKDAY = r"^(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,? )?"
_ZONED = r":\d{2}.*(?:z|utc|gmt|[+-]\d{2}(?::?\d{2})?)$"
_CLEAR = (
    r"(?P<year>\d{4})[-/.]?(?P<month>\d{1,2})[-/.]?(?P<day>\d{1,2})",
    rf"(?P<day>\d{{1,2}})[ -]{_NAME}[ -](?P<year>\d{{4}}|\d{{2}})",
    rf"{_NAME} (?P<day>\d{{1,2}}),? (?P<year>\d{{4}})",
)
_EITHER = r"(?P<left>\d{1,2})[-/.](?P<right>\d{1,2})[-/.](?P<year>\d{4}|\d{2})"  # day or month first


def parse_times(values: pd.Series, where: str) -> Times:
    """Read times, `NO_TIME` where a value is none. Text without a zone is taken as UTC.

    Numbers are seconds, milliseconds, microseconds or nanoseconds, each by its own size (files that change unit midway
    exist).

    :param where: file and column, for the error.
    :raise DataError: days cannot be distinguished from months.
    """
    kind = values.dtype
    if kind.kind == "M":  # with a zone it is kept in UTC
        return values.to_numpy(dtype="datetime64[ns]").view(np.int64)
    if kind.kind in "iu" and values.between(20_000_101, 20_991_231).all():
        return _from_text(as_text(values), where)  # 20240131
    if kind.kind in "iu":
        return _epoch(values.fillna(0).to_numpy(dtype=np.int64))
    if kind.kind == "f":
        return _epoch(values.to_numpy(dtype=np.float64, na_value=np.nan))
    text = pc.utf8_lower(pc.utf8_trim_whitespace(as_text(values)))
    plain = numbers(pd.Series(text.to_pandas()), decimal=".") if _numeric(text) else None
    return _epoch(plain) if plain is not None else _from_text(text, where)


def looks_like_time(values: pd.Series) -> bool:
    """Whether nearly all of a sample of `values` are times."""
    if values.dtype.kind == "M":
        return bool(values.notna().any())
    sample = values.dropna() if values.hasnans else values
    if len(sample) > SAMPLE:
        sample = sample.iloc[np.linspace(0, len(sample) - 1, SAMPLE).astype(int)]
    if not len(sample) or sample.dtype.kind == "b":
        return False
    try:
        return bool((parse_times(sample, "sample") != NO_TIME).mean() > 0.9)
    except DataError:
        return True  # days and months cannot be distinguished in so few: times all the same


def without_zone(values: pd.Series) -> bool:
    """Whether times are written without the zone they are in: as text or datetimes that name none, and not as an epoch."""
    kind = values.dtype
    if kind.kind == "M":
        return getattr(kind, "tz", None) is None
    known = values.dropna()
    text = pc.utf8_lower(
        pc.utf8_trim_whitespace(as_text(known.iloc[np.linspace(0, len(known) - 1, SAMPLE).astype(int)]))
    )
    return not _numeric(text) and not pc.all(pc.match_substring_regex(text, _ZONED)).as_py()


def commonest_step(times: Times) -> tuple[int, float]:
    """The commonest step from one time to the next different one (0 where there is none), forward or back, and the share of
    the steps that are that long."""
    steps = np.abs(np.diff(times[times != NO_TIME]))
    lengths, counts = np.unique(steps[steps > 0], return_counts=True)
    return (int(lengths[counts.argmax()]), float(counts.max() / counts.sum())) if len(lengths) else (0, 0.0)


def regular(times: Times) -> bool:
    """Whether the steps between `times`, put in order, are those of bars: numbers of that size that are no times make
    steps of all lengths."""
    known = np.unique(times[times != NO_TIME])
    if len(known) < 0.1 * len(times):
        return False
    step, share = commonest_step(known)
    return step >= 10**9 and share > COMMON and float((np.diff(known) % step == 0).mean()) > WHOLE


def _numeric(text: pa.Array) -> bool:
    """Whether nearly all are numbers in quotes, as several exchanges send them: nine digits or more, so no plain date; or rounded,
    1.70407e+12."""
    sample = pc.drop_null(text)[:SAMPLE]
    hits = pc.sum(pc.match_substring_regex(sample, r"^\d{9,}(\.\d*)?$|^\d\.\d+e\+?\d{1,2}$")).as_py() or 0
    return bool(hits > 0.9 * len(sample))


def _epoch(values: NDArray[np.int64] | Floats) -> Times:
    least, most = (values.min(), values.max()) if len(values) else (0, 0)
    for unit in UNITS:
        if least >= EARLIEST * unit and most < LATEST * unit:
            return _nanoseconds(values, unit)
    out = np.full(len(values), NO_TIME, dtype=np.int64)
    for unit in UNITS:
        inside = (values >= EARLIEST * unit) & (values < LATEST * unit)
        out[inside] = _nanoseconds(values[inside], unit)
    return out


def _nanoseconds(values: NDArray[np.int64] | Floats, unit: int) -> Times:
    if values.dtype == np.int64:
        return values.astype(np.int64, copy=False) * (10**9 // unit)
    # A float holds microseconds of our time exactly, and nothing finer.
    return np.round(values * (10**6 / unit)).astype(np.int64) * 1000


def _from_text(text: pa.Array, where: str) -> Times:
    out = np.full(len(text), NO_TIME, dtype=np.int64)
    sample = text.take(np.linspace(0, len(text) - 1, SAMPLE).astype(int))
    fits = {
        layout: pc.sum(pc.match_substring_regex(sample, _whole(layout))).as_py() or 0 for layout in (*_CLEAR, _EITHER)
    }
    for layout in sorted(fits, key=lambda name: -fits[name]):
        left = out == NO_TIME
        if not left.any():
            break
        part = text if left.all() else text.filter(pa.array(left))
        out[left] = _read_layout(part, layout, where)
    return out


def _whole(layout: str) -> str:
    return _WEEKDAY + layout + _CLOCK + "$"


def _read_layout(text: pa.Array, layout: str, where: str) -> Times:
    out = np.full(len(text), NO_TIME, dtype=np.int64)
    found = pc.extract_regex(text, _whole(layout))
    hit = np.asarray(pc.is_valid(found))
    if hit.any():
        found = found.filter(pa.array(hit))
        groups = {found.type[i].name: found.field(i) for i in range(found.type.num_fields)}
        date, clock = _date(groups, text, where), _clock(groups)
        out[hit] = np.where((date == NO_TIME) | (clock == NO_TIME), NO_TIME, date + clock)
    return out


def _date(groups: dict[str, pa.Array], text: pa.Array, where: str) -> Times:
    """Midnight of each date, `NO_TIME` where there is no such day."""
    year = _integers(groups["year"])
    year = np.where(year < 100, year + 2000, year)
    if "left" in groups:
        left, right = _integers(groups["left"]), _integers(groups["right"])
        return _day_or_month_first(_midnight(year, right, left), _midnight(year, left, right), text, where)
    month = _integers(groups["month"]) if "month" in groups else _month_numbers(groups["name"])
    return _midnight(year, month, _integers(groups["day"]))


def _midnight(year: NDArray[np.int64], month: NDArray[np.int64], day: NDArray[np.int64]) -> Times:
    good = (year >= 2000) & (year < 2100) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    months = ((np.where(good, year, 2000) - 1970) * 12 + np.where(good, month, 1) - 1).astype("datetime64[M]")
    date = months.astype("datetime64[D]") + (day - 1).astype("timedelta64[D]")
    good &= date.astype("datetime64[M]") == months  # no 31st of February
    return np.where(good, date.astype(np.int64) * DAY, NO_TIME)


def _clock(groups: dict[str, pa.Array]) -> Times:
    """Nanoseconds since midnight, the zone taken off; `NO_TIME` where there is no such time of day."""
    hour, minute, second = (_integers(groups[name]) for name in ("hour", "minute", "second"))
    nanoseconds = np.asarray(pc.cast(pc.utf8_rpad(groups["fraction"], 9, "0"), pa.int64()))
    afternoon = np.asarray(pc.equal(groups["half"], "pm"))
    twelve = np.asarray(pc.not_equal(groups["half"], ""))
    good = (hour < 24) & (minute < 60) & (second < 60) & ~(twelve & ((hour > 12) | (hour == 0)))
    hour = np.where(twelve, hour % 12 + 12 * afternoon, hour)
    east = np.where(np.asarray(pc.equal(groups["sign"], "-")), -1, 1)
    east = east * (_integers(groups["east"]) * 60 + _integers(groups["past"]))
    return np.where(good, ((hour * 60 + minute - east) * 60 + second) * 10**9 + nanoseconds, NO_TIME)


def _integers(digits: pa.Array) -> NDArray[np.int64]:
    return np.asarray(pc.cast(pc.if_else(pc.equal(digits, ""), "0", digits), pa.int64()))


def _month_numbers(names: pa.Array) -> NDArray[np.int64]:
    """1 to 12, or 0 for what is no month."""
    return np.asarray(pc.index_in(names, pa.array(_MONTHS, type=names.type)).fill_null(-1)).astype(np.int64) + 1


def _day_or_month_first(days: Times, months: Times, text: pa.Array, where: str) -> Times:
    """The reading that fits more rows; where both fit all, the one that goes the shorter way."""
    fits = [int((reading != NO_TIME).sum()) for reading in (days, months)]
    if fits[0] != fits[1]:
        return days if fits[0] > fits[1] else months
    if np.array_equal(days, months):
        return days
    covered = [_covered(reading) for reading in (days, months)]
    if covered[0] == covered[1]:
        example = next(value.as_py() for value in text if value.is_valid)
        raise DataError(
            f"{where}: days cannot be distinguished from months in dates like {example!r}; write them year first (2024-01-31)"
        )
    return days if covered[0] < covered[1] else months


def _covered(dates: Times) -> float:
    """The way from each date to the next, summed: read wrongly, neighbouring days lie months apart."""
    return float(np.abs(np.diff(dates[dates != NO_TIME]).astype(np.float64)).sum())
