"""Cleaned bars on disk, so that the next bucket need not read and clean them again."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path

import numpy as np
from attrs import evolve

from progressive_market.bars.bar_records import PRICES, WHERE_ABSENT, Bars, CleaningReport
from progressive_market.bars.kept.array_file import NO_ARRAYS, read_arrays, write_arrays
from progressive_training import get_logger

log = get_logger()

FORMAT = 7  # counts up when cleaning or reading changes what comes out, or the file's layout
ARRAYS = ("time", *PRICES, "volume", "segment")
EXTRA = "extra."


def kept_path(cache_dir: Path, content: str, *settings: object) -> Path:
    """Where the bars of a file under these settings are kept: named by the SHA-256 of its `content`, not by its path."""
    key = hashlib.sha256(json.dumps([FORMAT, content, *settings]).encode()).hexdigest()
    return cache_dir / f"bars-{key[:32]}.arrays"


def read_kept(path: Path, source: str) -> Bars | None:
    """The bars kept at `path`, or None where there are none or a bit of the file is another."""
    if not path.is_file():
        return None
    try:
        header, arrays = read_arrays(path)
        report = evolve(CleaningReport.from_json(header["report"]), source=source)
        bars = Bars(
            **{name: arrays[name] for name in ARRAYS},
            **{name: arrays[name] for name in WHERE_ABSENT if name in arrays},
            extra={name: arrays[EXTRA + name] for name in header["extra"]},
            interval=header["interval"],
            source_interval=int(header["source_interval"]),
            carried={name: int(longest) for name, longest in header["carried"].items()},
            report=report,
        )
        if not _sound(bars):
            raise ValueError("they are no bars")
        return bars
    except (OSError, *NO_ARRAYS) as error:
        log.info("kept bars are damaged, reading the source again", path=str(path), error=str(error))
        return None


def _sound(bars: Bars) -> bool:
    """Whether arrays from a file, which came with a run from anywhere, are bars."""
    fills = [] if bars.fills is None else [bars.fills]
    absent = np.zeros(len(bars), dtype=bool) if bars.absent is None else bars.absent
    floats = [getattr(bars, name) for name in (*PRICES, "volume")] + list(bars.extra.values()) + fills
    shapes = {array.shape for array in (bars.time, bars.segment, absent, *floats)}
    if len(shapes) != 1 or bars.time.ndim != 1 or len(bars) < 2 or any(array.dtype != np.float64 for array in floats):
        return False
    prices, steps = np.stack(floats[: len(PRICES)]), np.diff(bars.segment)
    return bool(
        bars.time.dtype == np.dtype(np.int64)
        and bars.segment.dtype == np.dtype(np.int32)
        and type(bars.interval) is int
        and bars.interval > 0
        and absent.dtype == np.dtype(np.bool_)
        and all((np.isfinite(prices) & (prices > 0)).all() for prices in fills)
        and (np.diff(bars.time) > 0).all()
        and ((steps == 0) | (steps == 1)).all()
        and (prices > 0).all()
        and np.isfinite(prices).all()
        and (np.isfinite(bars.volume) & (bars.volume >= 0)).all()
    )


def keep(bars: Bars, path: Path, limit: int) -> None:
    """Keep bars at `path`, unless its directory would then hold more than `limit` bytes or cannot be written."""
    arrays = {name: getattr(bars, name) for name in ARRAYS} | {
        EXTRA + name: values for name, values in bars.extra.items()
    }
    arrays |= {name: values for name in WHERE_ABSENT if (values := getattr(bars, name)) is not None}
    header = {
        "interval": bars.interval,
        "source_interval": bars.source_interval,
        "extra": list(bars.extra),
        "carried": dict(bars.carried),
        "report": bars.report.as_json(),
    }
    with suppress(OSError):
        path.unlink()  # a damaged one
    write_arrays(path, arrays, limit, header)
