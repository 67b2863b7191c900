"""Cleaned bars on disk, so that the next bucket need not read and clean them again: safetensors, never a pickle."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from pathlib import Path

import numpy as np
import structlog
from attrs import evolve
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from progressive_market.bars.bar_records import PRICES, WHERE_ABSENT, Bars, CleaningReport
from progressive_market.bars.kept.room import mark_used, room_for

log = structlog.get_logger("progressive_training")

FORMAT = 6  # counts up when cleaning or reading changes what comes out
ARRAYS = ("time", *PRICES, "volume", "segment")
EXTRA = "extra."


def kept_path(cache_dir: Path, source: Path, *settings: object) -> Path:
    """Where the bars of this file under these settings are kept: named by the file's content, not its path."""
    with source.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    key = hashlib.sha256(json.dumps([FORMAT, content, *settings]).encode()).hexdigest()
    return cache_dir / f"bars-{key[:32]}.safetensors"


def read_kept(path: Path, source: str) -> Bars | None:
    """The bars kept at `path`, or None where there are none or the file is damaged."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (no mapping)
            header = json.loads(file.metadata()["bars"])
        report = evolve(CleaningReport.from_json(header["report"]), source=source)
        extra = {name: arrays[EXTRA + name] for name in header["extra"]}
        bars = Bars(
            **{name: arrays[name] for name in ARRAYS},
            **{name: arrays[name] for name in WHERE_ABSENT if name in arrays},
            extra=extra,
            interval=header["interval"],
            source_interval=int(header["source_interval"]),
            carried={name: int(longest) for name, longest in header["carried"].items()},
            report=report,
        )
        if not _sound(bars):
            raise ValueError("they are no bars")
        mark_used(path)
        return bars
    except (SafetensorError, OSError, AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
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
    size = sum(array.nbytes for array in arrays.values()) + 4096
    part = path.with_suffix(f".part{os.getpid()}-{threading.get_ident()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not room_for(size, path.parent, limit):
            log.info("bars not kept: the cache would exceed its bound", bytes=size, bound=limit)
            return
        save_file({name: array.copy() for name, array in arrays.items()}, part, metadata={"bars": json.dumps(header)})
        part.replace(path)
    except OSError as error:
        log.info("bars not kept", path=str(path), error=str(error))
    finally:
        part.unlink(missing_ok=True)
