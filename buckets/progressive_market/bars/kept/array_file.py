"""Arrays in one file of the cache, mapped into memory where they are many: processes that map it share its pages.

The file is a line of JSON (its own name, those of the arrays with type, shape and place, the SHA-256 of all after the line), filled with spaces
to a multiple of `ALIGNED` bytes, then each array at such a multiple. It is written beside its place and put there, and mapped
copy-on-write: what a process writes to an array is its own.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import structlog

from progressive_market.bars.kept.room import mark_used, room_for

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    Arrays = Mapping[str, NDArray[Any]]

log = structlog.get_logger("progressive_training")

ALIGNED = 64
"""Bytes: those of a cache line, at which matrix libraries expect data to begin."""
LONGEST_HEADER = 1 << 16
TYPES = ("float32", "float64", "int64", "bool")


def write_arrays(path: Path, arrays: Arrays, limit: int) -> bool:
    """Write `arrays` to `path`, unless its directory would then hold more than `limit` bytes or cannot be written.

    :return: whether they are there.
    """
    header, place = {}, 0
    for name, array in arrays.items():
        header[name] = [array.dtype.name, list(array.shape), place]
        place += _padded(array.nbytes)
    part = path.with_suffix(f".part{os.getpid()}-{threading.get_ident()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not room_for(place, path.parent, limit):
            log.info("market not kept: the cache would exceed its bound", bytes=place, bound=limit)
            return False
        digest = hashlib.sha256()
        for array in arrays.values():
            digest.update(_bytes_of(array))
            digest.update(_padding(array.nbytes))
        line = json.dumps({"file": path.name, "sha256": digest.hexdigest(), "arrays": header}).encode()
        with part.open("wb") as file:
            file.write(line + b" " * (_padded(len(line) + 1) - len(line) - 1) + b"\n")
            for array in arrays.values():
                file.write(_bytes_of(array))
                file.write(_padding(array.nbytes))
        _publish(part, path)
    except OSError as error:
        log.info("market not kept", path=str(path), error=str(error))
        return False
    finally:
        part.unlink(missing_ok=True)
    return True


def _publish(part: Path, path: Path) -> None:
    """Make `part` the file at `path`; if another process was faster, theirs stays, which others may have mapped."""
    try:
        os.link(part, path)
    except FileExistsError:
        pass
    except OSError:  # a file system without links
        part.replace(path)


def identity_of(path: Path) -> tuple[Any, ...] | None:
    """By what a file that was checked once is known again; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return path, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def is_intact(path: Path) -> bool:
    """Whether the file holds what was written under its name: it is read once as a whole."""
    try:
        with path.open("rb") as file:
            header = json.loads(file.readline(LONGEST_HEADER))
            found = {"file": path.name, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
            return bool(found.items() <= header.items())
    except (OSError, ValueError, AttributeError, TypeError, RecursionError) as error:
        log.info("a kept market cannot be read", path=str(path), error=str(error))
        return False


def map_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays at `path`, mapped copy-on-write. The file counts as used now, by which the oldest is evicted first.

    :raise OSError, ValueError, KeyError, TypeError, RecursionError: there is no such file, or it holds something else.
    """
    with path.open("rb") as file:
        line = file.readline(LONGEST_HEADER)
        pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    mark_used(path)
    arrays = {}
    for name, (kind, shape, place) in json.loads(line)["arrays"].items():
        if kind not in TYPES:
            raise ValueError(f"an array of {kind}")
        count = int(np.prod(shape, dtype=np.int64))
        arrays[name] = np.frombuffer(pages, dtype=kind, count=count, offset=len(line) + place).reshape(shape)
    return arrays


def _bytes_of(array: NDArray[Any]) -> memoryview:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def _padded(size: int) -> int:
    return -(-size // ALIGNED) * ALIGNED


def _padding(size: int) -> bytes:
    return bytes(_padded(size) - size)
