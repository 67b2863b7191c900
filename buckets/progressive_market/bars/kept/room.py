"""Room in the cache: files that nobody has used for an hour make place for new ones."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from time import time, time_ns

IN_USE = 3600.0
"""Seconds after its last use in which a file stays: a run opens its markets again and again, and a cache too small for all of
them must not be written anew each time."""


def room_for(size: int, directory: Path, limit: int) -> bool:
    """Whether `size` more bytes fit into `directory`, whose files may have `limit` in all; those used longest ago go first.

    :raise OSError: the directory cannot be read.
    """
    files = [(file, file.stat()) for file in directory.iterdir() if file.is_file()]
    held = sum(status.st_size for _, status in files)
    for file, status in sorted(files, key=lambda each: max(each[1].st_atime, each[1].st_mtime)):
        if held + size <= limit:
            break
        if max(status.st_atime, status.st_mtime) < time() - IN_USE:
            file.unlink(missing_ok=True)
            held -= status.st_size
    return held + size <= limit


def mark_used(path: Path) -> None:
    """Note that a file was used now; its content keeps its time."""
    with suppress(OSError):
        os.utime(path, ns=(time_ns(), path.stat().st_mtime_ns))
