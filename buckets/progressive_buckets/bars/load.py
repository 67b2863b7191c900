"""The bars a run trains on, from its settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import structlog

from progressive_buckets.bars.cleaning import clean
from progressive_buckets.bars.read import frame_reading, read_frame
from progressive_buckets.bars.records import Bars
from progressive_buckets.bars.resampling import resample
from progressive_buckets.bars.synthetic import synthetic_bars

log = structlog.get_logger("progressive_training")


def load_bars(settings: Mapping[str, Any], cache_dir: Path | None = None, cache_bytes: int = 0) -> Bars:
    """Read, clean and resample the bars that `settings` name, or make some up when they name none.

    :param settings: DATA, FREQUENCY, FILL_MINUTES, SYNTHETIC_BARS and SEED of the configuration.
    :param cache_dir: where cleaned bars may be kept, so that the next bucket need not parse again.
    :param cache_bytes: how large that directory's bars may be in all.
    :raise DataError: the file cannot be read, or its bars cannot be traded on.
    """
    if settings["DATA"] is None:
        bars = synthetic_bars(settings["SYNTHETIC_BARS"], settings["SEED"])
        log.warning("no DATA given: training on a synthetic market, results say nothing about a real one")
    else:
        reading = read_frame(Path(settings["DATA"]))
        bars = clean(
            reading.time,
            reading.columns,
            source=reading.source,
            fill_minutes=settings["FILL_MINUTES"],
            notes=reading.notes,
        )
    if settings["FREQUENCY"] is not None:
        bars = resample(bars, settings["FREQUENCY"])
    return bars


def bars_from_frame(frame: pd.DataFrame, fill_minutes: float = 10.0) -> Bars:
    """Clean bars from a table in memory.

    :param frame: columns by name, in any order; the times are a column or the index.
    :raise DataError: a column is missing, or the rows are no bars.
    """
    reading = frame_reading(frame)
    return clean(reading.time, reading.columns, source=reading.source, fill_minutes=fill_minutes, notes=reading.notes)
