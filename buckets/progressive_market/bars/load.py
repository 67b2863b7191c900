"""The bars a run trains on, from its settings."""

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


def load_bars(settings: Mapping[str, Any], cache_dir: Path | None = None, cache_bytes: int = 0) -> Bars:
    """Read, clean and resample the bars that `settings` name, or make some up when they name none.

    :param settings: DATA, FREQUENCY, FILL_MINUTES, SYNTHETIC_BARS and SEED of the configuration.
    :param cache_dir: where cleaned bars may be kept, so that the next bucket need not parse again.
    :param cache_bytes: how large that directory's bars may be in all.
    :raise DataError: the file cannot be read, or its bars cannot be traded on.
    """
    if settings["DATA"] is None:
        bars = synthetic_bars(settings["SYNTHETIC_BARS"], settings["SEED"])
        return bars if settings["FREQUENCY"] is None else resample(bars, settings["FREQUENCY"])
    source = Path(settings["DATA"])
    if cache_dir is None or not source.is_file():
        return _from_file(source, settings)
    kept = kept_path(cache_dir, source, settings["FREQUENCY"], settings["FILL_MINUTES"])
    found = read_kept(kept, str(source))
    if found is not None:
        return found
    bars = _from_file(source, settings)
    keep(bars, kept, cache_bytes)
    return bars


def _from_file(source: Path, settings: Mapping[str, Any]) -> Bars:
    bars = _cleaned(read_frame(source), settings["FILL_MINUTES"])
    pa.default_memory_pool().release_unused()  # what parsing the file took
    return bars if settings["FREQUENCY"] is None else resample(bars, settings["FREQUENCY"])


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
