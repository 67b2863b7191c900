"""Bars from a file, from a table in memory, or as the settings of a run name them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from progressive_market.bars.bar_records import Bars, iso
from progressive_market.bars.cleaning import clean
from progressive_market.bars.kept.bounds import memory_of_reading
from progressive_market.bars.kept.keep import keep, kept_path, read_kept
from progressive_market.bars.layouts.columns import Reading
from progressive_market.bars.resampling import resample
from progressive_market.bars.sources import Source, read
from progressive_market.bars.synthetic import synthetic_bars
from progressive_market.market_settings import DATA, DATA_MB, FILL_MINUTES, FREQUENCY, MARKET, PARTS, SYNTHETIC_BARS
from progressive_training import SEED, DataError, Settings, as_settings, run_input

if TYPE_CHECKING:
    from progressive_training import BucketInfo, Resources, RunInput


def load_bars(
    source: Source,
    frequency: str | None = None,
    fill_minutes: float = 10.0,
    *,
    market: str | None = None,
    until: int | None = None,
    data_mb: int = DATA_MB.default,
) -> Bars:
    """Read and clean bars.

    :param source: a path (CSV, JSON, Parquet or Feather), a pandas DataFrame with the times in a column or as its index, a
        table that speaks Arrow (Polars, pyarrow, DuckDB), or rows as ccxt gives them.
    :param frequency: resample to bars of this length ("4h", "1d"); None leaves them as they are.
    :param fill_minutes: longest quiet stretch that is filled with flat bars; a longer one is a gap.
    :param market: which one to take, where several are in the source.
    :param until: as if rows of this time and later were not there, in nanoseconds since 1970.
    :param data_mb: MB that a file, unpacked, and the table that is made of it may each take.
    :raise DataError: the source cannot be read, or its bars cannot be traded on.
    """
    reading = read(source, market=market, until=until, data_mb=data_mb)
    pa.default_memory_pool().release_unused()  # what parsing the file took
    bars = clean_reading(reading, fill_minutes)
    with memory_of_reading(bars.report.source):
        return bars if frequency is None else resample(bars, frequency)


def configured_bars(settings: Mapping[str, Any]) -> Bars:
    """Read, clean and resample the bars that `settings` name, or make some up when they name none.

    Where PARTS say when the test part begins, its rows are left out before anything is read from them: they decide nothing, not
    even how a column is understood.

    :param settings: DATA, DATA_MB, FREQUENCY, FILL_MINUTES, MARKET, PARTS, SYNTHETIC_BARS and SEED of the configuration.
    :raise DataError: the file cannot be read, or its bars cannot be traded on.
    """
    settings = as_settings(settings)
    return _bars_of(settings, settings[DATA])


def bars_of_bucket(info: BucketInfo, resources: Resources) -> Bars:
    """`configured_bars` of a bucket: in a run those that it was begun on, whatever has become of the file since.

    Cleaned bars are kept in the cache, so that the next bucket need not read them again. Where the file is not what it was any more
    and its bars are kept, these are used, and a warning says so.

    :param info, resources: what the bucket's `check` or `open` was given.
    :raise DataError: the file cannot be read, is not what it was, or its bars cannot be traded on.
    """
    settings, file = info.settings, run_input(info, DATA.key)
    if file is None or resources.cache_dir is None:
        return _bars_of(settings, file)
    asked = [settings[FREQUENCY], settings[FILL_MINUTES], settings[MARKET]]
    if parts := parts_of(settings):
        asked.append(parts[2])
    kept = kept_path(resources.cache_dir, file.sha256, *asked)
    found = read_kept(kept, str(file.path))
    if found is None:
        found = _bars_of(settings, file)
        keep(found, kept, resources.cache_bytes)
    else:
        file.warn_of_change()
    return found


def _bars_of(settings: Settings, source: str | RunInput | None) -> Bars:
    """The bars of `source` as `settings` want them; None: made up."""
    frequency, until = settings[FREQUENCY], parts[2] if (parts := parts_of(settings)) else None
    if source is None:
        bars = synthetic_before(settings, until)
        return bars if frequency is None else resample(bars, frequency)
    return load_bars(
        source, frequency, settings[FILL_MINUTES], market=settings[MARKET], until=until, data_mb=settings[DATA_MB]
    )


def synthetic_before(settings: Settings, until: int | None) -> Bars:
    """The bars of the synthetic market of `settings` before a time in nanoseconds since 1970; all where it is None.

    :raise DataError: there are none.
    """
    bars = synthetic_bars(settings[SYNTHETIC_BARS], settings[SEED])
    if until is None:
        return bars
    count = int(np.searchsorted(bars.time, until))
    if count < 2:
        raise DataError(
            f"PARTS: the synthetic market begins at {iso(bars.time)[0]}, and no bar of it is before the test part"
        )
    return bars.between(0, count)


def parts_of(settings: Mapping[str, Any]) -> tuple[int, ...] | None:
    """PARTS in nanoseconds since 1970; None where shares of the bars hold."""
    times = as_settings(settings)[PARTS]
    return None if times is None else tuple(map(nanoseconds, times))


def nanoseconds(time: str) -> int:
    """A time in ISO form as nanoseconds since 1970."""
    return int(np.datetime64(time.removesuffix("Z"), "ns").astype(np.int64))


def clean_reading(reading: Reading, fill_minutes: float = 10.0, interval: int | None = None) -> Bars:
    """The bars of the rows that `read` understood; `interval` as for `clean`.

    :raise DataError: they are no bars.
    """
    with memory_of_reading(reading.source):
        return clean(
            reading.time,
            reading.columns,
            source=reading.source,
            fill_minutes=fill_minutes,
            interval=interval,
            skipped=reading.skipped,
            notes=reading.notes,
            market=reading.market,
            left_out=reading.left_out,
        )
