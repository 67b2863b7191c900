"""Bars from a file, from a table in memory, or as the settings of a run name them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from progressive_market.bars.bar_records import Bars
from progressive_market.bars.cleaning import clean
from progressive_market.bars.kept.keep import keep, kept_path, read_kept
from progressive_market.bars.layouts.columns import Reading
from progressive_market.bars.read import frame_reading, read_frame
from progressive_market.bars.resampling import resample
from progressive_market.bars.synthetic import synthetic_bars
from progressive_market.market_settings import DATA, FILL_MINUTES, FREQUENCY, SYNTHETIC_BARS
from progressive_training import SEED, as_settings


def load_bars(path: Path | str, frequency: str | None = None, fill_minutes: float = 10.0) -> Bars:
    """Read and clean the bars of a file.

    :param path: CSV, JSON, Parquet or Feather, or the directory of an exchange's downloads.
    :param frequency: resample to bars of this length ("4h", "1d"); None leaves them as they are.
    :param fill_minutes: longest quiet stretch that is filled with flat bars; a longer one is a gap.
    :raise DataError: the file cannot be read, or its bars cannot be traded on.
    """
    bars = _cleaned(read_frame(Path(path)), fill_minutes)
    pa.default_memory_pool().release_unused()  # what parsing the file took
    return bars if frequency is None else resample(bars, frequency)


def configured_bars(settings: Mapping[str, Any], cache_dir: Path | None = None, cache_bytes: int = 0) -> Bars:
    """Read, clean and resample the bars that `settings` name, or make some up when they name none.

    :param settings: DATA, FREQUENCY, FILL_MINUTES, SYNTHETIC_BARS and SEED of the configuration.
    :param cache_dir: where cleaned bars may be kept, so that the next bucket need not parse again.
    :param cache_bytes: how large that directory's bars may be in all.
    :raise DataError: the file cannot be read, or its bars cannot be traded on.
    """
    settings = as_settings(settings)
    data, frequency, fill_minutes = settings[DATA], settings[FREQUENCY], settings[FILL_MINUTES]
    if data is None:
        bars = synthetic_bars(settings[SYNTHETIC_BARS], settings[SEED])
        return bars if frequency is None else resample(bars, frequency)
    source = Path(data)
    if cache_dir is None or not source.is_file():
        return load_bars(source, frequency, fill_minutes)
    kept = kept_path(cache_dir, source, frequency, fill_minutes)
    found = read_kept(kept, str(source))
    if found is not None:
        return found
    bars = load_bars(source, frequency, fill_minutes)
    keep(bars, kept, cache_bytes)
    return bars


def _cleaned(reading: Reading, fill_minutes: float) -> Bars:
    return clean(
        reading.time,
        reading.columns,
        source=reading.source,
        fill_minutes=fill_minutes,
        skipped=reading.skipped,
        notes=reading.notes,
    )


def bars_from_frame(frame: pd.DataFrame, fill_minutes: float = 10.0) -> Bars:
    """Clean bars from a table in memory.

    :param frame: columns by name, in any order; the times are a column or the index.
    :raise DataError: a column is missing, or the rows are no bars.
    """
    return _cleaned(frame_reading(frame), fill_minutes)
