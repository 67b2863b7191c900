"""One trainer at a time on a run. The operating system releases the lock when a process is killed."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout

from progressive_core.contract.errors import RunError

LOCK = ".lock"
LOCK_TIMEOUT = 0.5
"""Seconds to wait for the lock: the list of runs holds each run's lock for a moment."""


def lock_run(directory: Path) -> FileLock:
    """Take the run in `directory`, until the lock is released.

    :raise RunError: another process, or another trainer of this one, has it.
    """
    lock = FileLock(directory / LOCK)
    try:
        lock.acquire(timeout=LOCK_TIMEOUT)
    except Timeout:
        raise RunError(
            f"{directory}: another process, or trainer of this one, is training this run; wait for it, or stop it"
        ) from None
    except OSError as error:
        raise RunError(f"{directory / '.lock'}: the run cannot be locked ({error.strerror})") from error
    return lock


def is_free(directory: Path) -> bool:
    """Whether no process has the run open.

    :raise RunError: the lock cannot be opened.
    """
    try:
        with FileLock(directory / LOCK).acquire(timeout=0):
            return True
    except Timeout:
        return False
    except OSError as error:
        raise RunError(f"{directory / '.lock'}: the run cannot be locked ({error.strerror})") from error
