"""Rows as they were written become bars: in order, once each, on a regular grid, with the gaps marked."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from attrs import evolve
from numpy.typing import NDArray

from progressive_market.bars.bar_records import (
    FLOWS,
    MINUTE,
    NO_TIME,
    PRICES,
    Bars,
    CleaningReport,
    Floats,
    Times,
    interval_text,
    iso,
)
from progressive_market.bars.local_days import refuse_daylight_saving
from progressive_market.bars.prices.checked import checked_prices
from progressive_training import DataError
from progressive_training.presentation import share_text

ROUNDING = 1e-9  # a high may fall short of a close by this share: text files round each column by itself
SHORTEST = 10**9  # nanoseconds: bars of less would be filled by the million
MOST_FILLED = 20  # absent bars filled for each that is there, at most
MOST_FILLED_OF_FEW = 100_000  # and so many more, which no memory minds
HUGE = 1e100  # no market has such a price or volume, and sums of them would overflow
REGULAR = 0.8  # at least this share of the steps between bars must be whole bar lengths

Columns = dict[str, Floats]


def clean(
    time: Times,
    columns: Mapping[str, Floats],
    *,
    source: str,
    fill_minutes: float = 10.0,
    interval: int | None = None,
    skipped: int = 0,
    notes: tuple[str, ...] = (),
    market: str = "",
    left_out: tuple[tuple[str, str], ...] = (),
) -> Bars:
    """Make bars of rows.

    :param time: bar opens in nanoseconds UTC, not-a-time where unreadable, in the order of the file.
    :param columns: `open`, `high`, `low`, `close`, `volume` and any extra ones, as long as `time`; NaN where unreadable.
    :param source: what to call these rows in the report and in errors.
    :param fill_minutes: absent stretches up to this long are quiet and filled flat with no volume; longer ones are gaps.
    :param interval: length of a bar in nanoseconds, taken if any two bars are that far apart; None for the commonest step. In a
        window of a thin market that may be another one than in all bars.
    :param skipped: lines of the file that gave no row, for the report, as are `notes`, `market` and `left_out`.
    :raise DataError: fewer than two usable bars, mostly bad ones, or no regular interval.
    """
    report = CleaningReport(
        source=source, rows=len(time), skipped=skipped, notes=notes, market=market, left_out=left_out
    )
    # Copies: callers' arrays may be read-only or views of a frame.
    rows, time = time, np.array(time)
    data = {name: np.array(values, dtype=np.float64) for name, values in columns.items()}
    time, data, report = _drop_bad(time, data, report)
    time, data, report = _in_order(time, data, report)
    time, data, report = _once_each(time, data, report)
    _refuse_if_most_are_gone(len(time), report)
    interval = _interval(time, source, interval)
    if report.bad:
        _refuse_if_bad_rows_make_bars_longer(np.unique(rows[rows != NO_TIME]), interval, report)
    time, data, report = _on_grid(time, data, interval, report)
    time, data, report = checked_prices(time, data, interval, report)
    time, data, segment, filled, fills, report = _fill(time, data, interval, round(fill_minutes * MINUTE), report)
    data, carried, report = _complete_extra(data, segment, filled, report)
    quiet = time[(data["volume"] == 0) & ~filled]
    report = evolve(
        report,
        bars=len(time),
        interval_seconds=interval / 1e9,
        start=iso(time)[0],
        end=iso(time[-1:])[0],
        zero_volume=len(quiet),
        first_times=_noted(report, "zero_volume", quiet),
    )
    return Bars(
        time=time,
        open=data["open"],
        high=data["high"],
        low=data["low"],
        close=data["close"],
        volume=data["volume"],
        extra={name: values for name, values in data.items() if name not in (*PRICES, "volume")},
        segment=segment,
        interval=interval,
        absent=filled if fills is not None else None,
        fills=fills,
        carried=carried,
        report=report,
    )


def _drop_bad(time: Times, data: Columns, report: CleaningReport) -> tuple[Times, Columns, CleaningReport]:
    high, low, opened, closed = data["high"], data["low"], data["open"], data["close"]
    with np.errstate(invalid="ignore"):
        top, bottom = np.maximum(opened, closed), np.minimum(opened, closed)
        good = (low > 0) & (high < HUGE) & (high >= top * (1 - ROUNDING)) & (low <= bottom * (1 + ROUNDING))
        good &= (time != NO_TIME) & ~(data["volume"] < 0) & ~(data["volume"] > HUGE)
    bad = int(len(time) - good.sum())
    if bad * 2 > len(time):
        raise DataError(
            f"{report.source}: {bad} of {len(time)} rows are not bars (a time, and prices above 0 with low <= open, "
            f"close <= high); check which columns were taken: {'; '.join(report.notes) or 'by their names'}"
        )
    np.maximum(high, top, out=high)
    np.minimum(low, bottom, out=low)
    data["volume"][np.isnan(data["volume"])] = 0.0
    times = time[~good & (time != NO_TIME)]
    report = evolve(report, bad=bad, first_times=_noted(report, "bad", times))
    return (time, data, report) if not bad else (time[good], _take(data, good), report)


def _in_order(time: Times, data: Columns, report: CleaningReport) -> tuple[Times, Columns, CleaningReport]:
    steps = np.diff(time)
    if (steps < 0).sum() > (steps > 0).sum():
        time, data = time[::-1].copy(), {name: values[::-1].copy() for name, values in data.items()}
        report = evolve(report, notes=(*report.notes, "newest bar first: turned round"))
        steps = np.diff(time)
    late = np.flatnonzero(steps < 0) + 1
    report = evolve(report, disorder=len(late), first_times=_noted(report, "disorder", time[late]))
    if not len(late):
        return time, data, report
    order = np.argsort(time, kind="stable")
    return time[order], _take(data, order), report


def _once_each(time: Times, data: Columns, report: CleaningReport) -> tuple[Times, Columns, CleaningReport]:
    """Keep the last row of each time: a bar that was still open when first written is written again when it is whole."""
    again = np.flatnonzero(time[1:] == time[:-1])
    if not len(again):
        return time, data, report
    changed = np.zeros(len(again), dtype=bool)
    for name in (*PRICES, "volume"):
        changed |= data[name][again] != data[name][again + 1]
    report = evolve(
        report,
        duplicates=len(again) + report.duplicates,
        conflicting=int(changed.sum()) + report.conflicting,
        first_times=_noted(report, "duplicates", time[again]),
    )
    keep = np.ones(len(time), dtype=bool)
    keep[again] = False
    return time[keep], _take(data, keep), report


def _refuse_if_most_are_gone(left: int, report: CleaningReport) -> None:
    if 2 * left < report.rows:
        first = [times[0] for kind, times in report.first_times.items() if kind in ("bad", "duplicates")]
        raise DataError(
            f"{report.source}: {left:,} of {report.rows:,} rows are left: {report.bad:,} are not bars, and {report.duplicates:,} "
            f"come again at the same time (first at {', '.join(first)}); give each bar once, with its whole time"
        )


def _interval(time: Times, source: str, known: int | None) -> int:
    if len(time) < 2:
        raise DataError(f"{source}: {len(time)} usable bars, at least 2 are needed")
    steps = np.diff(time)
    lengths, commonest = _lengths(steps)
    interval = commonest if known is None or known not in lengths else known
    if interval < SHORTEST:
        raise DataError(
            f"{source}: the commonest step between bars is {interval_text(interval)}; bars last 1 s or longer"
        )
    share = float((steps % interval == 0).mean())
    # Of the length that is known a window may hold more rows off the grid than all bars do.
    if share < REGULAR and commonest != known:
        raise DataError(
            f"{source}: bars have no regular length: the commonest step is {interval_text(interval)}, and only "
            f"{share_text(share)} of the steps are multiples of it (expected {share_text(REGULAR)}); give bars of one length"
        )
    return interval


def _lengths(steps: Times) -> tuple[Times, int]:
    lengths, counts = np.unique(steps, return_counts=True)
    return lengths, int(lengths[counts.argmax()])


def _refuse_if_bad_rows_make_bars_longer(written: Times, interval: int, report: CleaningReport) -> None:
    """Every second price missing leaves bars at twice their length, which were not those of the file.

    :param written: the times of all rows, once each.
    """
    _, commonest = _lengths(np.diff(written))
    if commonest < interval:
        raise DataError(
            f"{report.source}: {report.bad:,} of {report.rows:,} rows are not bars (prices above 0 with low <= open, close <= high), "
            f"the first at {report.first_times['bad'][0]}: rows come each {interval_text(commonest)}, and without these each "
            f"{interval_text(interval)}; give their prices, or leave these rows out if the bars are that long"
        )


def _on_grid(
    time: Times, data: Columns, interval: int, report: CleaningReport
) -> tuple[Times, Columns, CleaningReport]:
    if not ((time - time[0]) % interval).any():
        return time, data, report
    phases, counts = np.unique(time % interval, return_counts=True)
    phase = int(phases[counts.argmax()])
    excess = (time - phase) % interval
    off = excess != 0
    if not off.any():
        return time, data, report
    refuse_daylight_saving(time, excess, interval, report.source)
    report = evolve(report, off_grid=int(off.sum()), first_times=_noted(report, "off_grid", time[off]))
    # The bar that began on the grid is the truer one: let it be the last of its time.
    order = np.lexsort((~off, time - excess))
    return _once_each((time - excess)[order], _take(data, order), report)


def _fill(
    time: Times, data: Columns, interval: int, fill: int, report: CleaningReport
) -> tuple[Times, Columns, NDArray[np.int32], NDArray[np.bool_], Floats | None, CleaningReport]:
    absent = np.diff(time) // interval - 1
    quiet = (absent > 0) & (absent * interval <= fill)
    gap = (absent > 0) & ~quiet
    segment = np.concatenate([[0], np.cumsum(gap)]).astype(np.int32)
    report = evolve(
        report,
        gaps=int(gap.sum()),
        missing=int(absent[gap].sum()),
        longest_gap=int(absent[gap].max(initial=0)),
        longest_gap_from=iso(time[[np.where(gap, absent, 0).argmax()]] + interval)[0] if gap.any() else "",
        filled=int(absent[quiet].sum()),
        first_times=_noted(report, "gaps", time[1:][gap]) | _noted(report, "filled", time[:-1][quiet] + interval),
    )
    added = int(absent[quiet].sum())
    if added > MOST_FILLED * len(time) + MOST_FILLED_OF_FEW:
        raise DataError(
            f"{report.source}: {added:,} absent bars would be filled beside {len(time):,} that are there, more than "
            f"{MOST_FILLED} for each; set a smaller FILL_MINUTES"
        )
    if not quiet.any():
        return time, data, segment, np.zeros(len(time), dtype=bool), None, report
    repeats = np.concatenate([np.where(quiet, absent, 0), [0]]) + 1
    row = np.repeat(np.arange(len(time)), repeats)
    offset = np.arange(len(row)) - (np.cumsum(repeats) - repeats)[row]
    filled = offset > 0
    fills = data["open"][np.where(filled, row + 1, row)]
    data = _take(data, row)
    for name in ("open", "high", "low"):
        data[name][filled] = data["close"][filled]
    for name in {"volume", *FLOWS} & set(data):
        data[name][filled] = 0.0
    return time[row] + offset * interval, data, segment[row], filled, fills, report


def _complete_extra(
    data: Columns, segment: NDArray[np.int32], filled: NDArray[np.bool_], report: CleaningReport
) -> tuple[Columns, dict[str, int], CleaningReport]:
    """Missing values of extra columns take the last one before them in their segment, and stay NaN where there is none:
    a later value would be known too early, and a made-up one would count when the column is scaled."""
    count, completed, carried = 0, {}, {}
    start = np.searchsorted(segment, segment)
    for name in sorted(set(data) - {*PRICES, "volume"}):
        values = data[name]
        known = np.isfinite(values)
        last = np.maximum.accumulate(np.where(known, np.arange(len(values)), -1))
        taken = (last >= start) & ~known
        if not known.all():
            count += int((taken & ~filled).sum())
            data[name] = np.where(last >= start, values[last], np.nan)
            given = np.maximum.accumulate(np.where(known & ~filled, np.arange(len(values)), -1))
            carried[name] = int((np.arange(len(values)) - given)[taken].max(initial=0))
        if copied := int((taken | filled).sum() if name not in FLOWS else taken.sum()):
            completed[name] = copied
    return data, carried, evolve(report, filled_extra=count, completed=completed)


def _take(data: Columns, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Columns:
    return {name: values[rows] for name, values in data.items()}


def _noted(report: CleaningReport, kind: str, times: Times) -> dict[str, tuple[str, ...]]:
    return {**report.first_times, **({kind: iso(times)} if len(times) else {})}
