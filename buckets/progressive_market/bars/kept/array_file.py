"""Arrays in one file of the cache, mapped into memory where they are many: processes that map it share its pages.

The file is the SHA-256 of all that follows, in a line; a line of JSON (its own name, what is said `about` the arrays, and their names with
type, shape and place), filled with spaces so that both lines are a multiple of `ALIGNED` bytes; then each array at such a multiple. It
is written beside its place and put there, and mapped copy-on-write: what a process writes to an array is its own.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import threading
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from progressive_market.bars.kept.room import mark_used, room_for
from progressive_training import get_logger

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    Arrays = Mapping[str, NDArray[Any]]

log = get_logger()

ALIGNED = 64
"""Bytes: those of a cache line, at which matrix libraries expect data to begin."""
DIGEST = 65
"""Bytes of the first line: a digest and the end of the line."""
LONGEST_LINE = 1 << 24
TYPES = ("float32", "float64", "int32", "int64", "bool")
OTHER_BYTES, OTHER_NAME = "other bytes than were written", "written under another name"
NO_ARRAYS = (ValueError, OverflowError, KeyError, TypeError, AttributeError, RecursionError)
"""What reading raises over a file that holds something else."""


def write_arrays(path: Path, arrays: Arrays, limit: int, about: Any = None) -> bool:
    """Write `arrays` to `path`, unless its directory would then hold more than `limit` bytes or cannot be written.

    :param about: JSON values that are kept with them. :return: whether they are there.
    """
    places, place = {}, 0
    for name, array in arrays.items():
        places[name] = [array.dtype.name, list(array.shape), place]
        place += _padded(array.nbytes)
    line = json.dumps({"file": path.name, "about": about, "arrays": places}).encode()
    line += b" " * (_padded(DIGEST + len(line) + 1) - DIGEST - len(line) - 1) + b"\n"
    part = path.with_suffix(f".part{os.getpid()}-{threading.get_ident()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not room_for(place + len(line), path.parent, limit):
            log.info("not kept: the cache would exceed its bound", file=path.name, bytes=place, bound=limit)
            return False
        digest = hashlib.sha256()
        for piece in _pieces(line, arrays):
            digest.update(piece)
        with part.open("wb") as file:
            file.write(digest.hexdigest().encode() + b"\n")
            for piece in _pieces(line, arrays):
                file.write(piece)
        _publish(part, path)
    except OSError as error:
        log.info("not kept: it cannot be written", path=str(path), error=str(error))
        return False
    finally:
        part.unlink(missing_ok=True)
    return True


def _pieces(line: bytes, arrays: Arrays) -> Iterator[bytes | memoryview]:
    """What follows the digest, piece by piece."""
    yield line
    for array in arrays.values():
        yield _bytes_of(array)
        yield bytes(_padded(array.nbytes) - array.nbytes)


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
            known = file.read(DIGEST)
            found = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(DIGEST)
            if known != found.encode() + b"\n":
                raise ValueError(OTHER_BYTES)
            if json.loads(file.readline(LONGEST_LINE))["file"] != path.name:
                raise ValueError(OTHER_NAME)
            return True
    except (OSError, *NO_ARRAYS) as error:
        log.info("a kept market is damaged, making it anew", path=str(path), error=str(error))
        return False


def map_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays at `path`, mapped copy-on-write. The file counts as used now, by which the oldest is evicted first.

    :raise OSError, NO_ARRAYS: there is no such file, or it holds something else.
    """
    with path.open("rb") as file:
        pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    mark_used(path)
    return _arrays_in(pages)[1]


def read_arrays(path: Path) -> tuple[Any, dict[str, Any]]:
    """What was said about the arrays at `path`, and they, in memory: the bytes that were found whole are the ones returned.

    :raise OSError, NO_ARRAYS: there is no such file, or it does not hold what was written under its name.
    """
    with path.open("rb") as file:
        content = bytearray(os.fstat(file.fileno()).st_size)
        file.readinto(content)
    if content[:DIGEST] != hashlib.sha256(memoryview(content)[DIGEST:]).hexdigest().encode() + b"\n":
        raise ValueError(OTHER_BYTES)
    header, arrays = _arrays_in(content)
    if header["file"] != path.name:
        raise ValueError(OTHER_NAME)
    mark_used(path)
    return header["about"], arrays


def _arrays_in(content: bytearray | mmap.mmap) -> tuple[Any, dict[str, NDArray[Any]]]:
    """The header and the arrays in the content of a file."""
    end = content.find(b"\n", DIGEST, DIGEST + LONGEST_LINE) + 1
    header, arrays = json.loads(content[DIGEST:end]), {}
    for name, (kind, shape, place) in header["arrays"].items():
        if kind not in TYPES:
            raise ValueError(f"an array of {kind}")
        arrays[name] = np.frombuffer(content, dtype=kind, count=prod(shape), offset=end + place).reshape(shape)
    return header, arrays


def _bytes_of(array: NDArray[Any]) -> memoryview:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def _padded(size: int) -> int:
    return -(-size // ALIGNED) * ALIGNED
