"""One trainer at a time on a run. The operating system lets go of the lock when a process is killed."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout

from progressive_core.contract.errors import RunError

LOCK = ".lock"
A_LOOK = 0.5
"""Seconds. Who lists runs holds each one's lock for a moment: so long one who takes it waits before it counts as taken."""


def lock_run(directory: Path) -> FileLock:
    """Take the run in `directory`, until the lock is released.

    :raise RunError: another process, or another trainer of this one, has it.
    """
    lock = FileLock(directory / LOCK)
    try:
        lock.acquire(timeout=A_LOOK)
    except Timeout:
        raise RunError(
            f"{directory}: another process, or trainer of this one, is training this run; wait for it, or stop it"
        ) from None
    except OSError as error:
        raise RunError(f"{directory / '.lock'}: the run cannot be taken ({error.strerror})") from error
    return lock


def is_free(directory: Path) -> bool:
    """Whether no process is on the run.

    :raise RunError: nobody could be.
    """
    try:
        with FileLock(directory / LOCK).acquire(timeout=0):
            return True
    except Timeout:
        return False
    except OSError as error:
        raise RunError(f"{directory / '.lock'}: the run cannot be taken ({error.strerror})") from error
