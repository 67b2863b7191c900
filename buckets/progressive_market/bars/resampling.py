"""Longer bars from shorter ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
from attrs import evolve

from progressive_market.bars.bar_records import FLOWS, MINUTE, Bars, interval_text, iso
from progressive_training import DataError

WEEK = 7 * 1440 * MINUTE
MONDAY = 4 * 1440 * MINUTE  # 1970 began on a Thursday


def resample(bars: Bars, frequency: str) -> Bars:
    """Merge bars into longer ones that begin at round times (UTC; weeks on Monday).

    Only whole bars are made: what a gap or an end of the data cuts is dropped and counted as `partial`. Volume and
    other flows add up (to none where a part has none), further extra columns keep their last value.

    :param frequency: a length as pandas spells it: 15min, 4h, 1D.
    :raise DataError: no such length, finer than the data or no multiple of it, or not one whole bar is left.
    """
    length = _length(frequency)
    if length == bars.interval:
        return bars
    source, have = bars.report.source, interval_text(bars.interval)
    if length < bars.interval:
        raise DataError(f"{source}: FREQUENCY {frequency!r} is finer than its bars of {have}; give {have} or longer")
    if length % bars.interval:
        raise DataError(f"{source}: FREQUENCY {frequency!r} is no whole number of its bars of {have}")
    phase = int(bars.time[0]) % bars.interval + (MONDAY if length % WEEK == 0 else 0)
    bucket = (bars.time - phase) // length
    start = np.flatnonzero(np.diff(bucket, prepend=bucket[0] - 1))
    stop = np.append(start[1:], len(bars))
    whole = (stop - start) * bars.interval == length
    if not whole.any():
        raise DataError(f"{source}: {len(bars)} bars of {have} hold not one whole bar of {frequency!r}")
    first, last = start[whole], stop[whole] - 1
    time = bucket[first] * length + phase
    missing = np.diff(time) // length - 1
    volume = np.add.reduceat(bars.volume, start)[whole]
    report = evolve(
        bars.report,
        bars=len(first),
        interval_seconds=length / 1e9,
        start=iso(time)[0],
        end=iso(time[-1:])[0],
        gaps=int((missing > 0).sum()),
        missing=int(missing.sum()),
        longest_gap=int(missing.max(initial=0)),
        longest_gap_from=iso(time[[missing.argmax()]] + length)[0] if missing.any() else "",
        zero_volume=int((volume == 0).sum()),
        partial=int((~whole).sum()),
        first_times={
            **bars.report.first_times,
            "gaps": iso(time[1:][missing > 0]),
            "zero_volume": iso(time[volume == 0]),
            "partial": iso(bars.time[start[~whole]]),
        },
        notes=(*bars.report.notes, f"resampled from {have} to {interval_text(length)}"),
    )
    return evolve(
        bars,
        time=time,
        open=bars.open[first],
        high=np.maximum.reduceat(bars.high, start)[whole],
        low=np.minimum.reduceat(bars.low, start)[whole],
        close=bars.close[last],
        volume=volume,
        extra={
            name: np.add.reduceat(values, start)[whole] if name in FLOWS else values[last]
            for name, values in bars.extra.items()
        },
        segment=np.concatenate([[0], np.cumsum(missing > 0)]).astype(np.int32),
        absent=None if bars.absent is None else bars.absent[last],
        fills=None if bars.fills is None else bars.fills[first],
        carried={name: -(-longest * bars.interval // length) for name, longest in bars.carried.items()},
        interval=length,
        report=report,
    )


def _length(frequency: str) -> int:
    """Nanoseconds of one bar."""
    try:
        text = frequency if frequency[:1].isdigit() else f"1{frequency}"
        length = pd.Timedelta(text.replace("T", "min").replace("H", "h")).value
    except ValueError:
        length = 0
    if length <= 0:
        raise DataError(
            f"FREQUENCY {frequency!r} is no bar length; give a number and min, h, D or W, like 15min, 4h, 1D"
        )
    return length
