"""One trainer at a time on a run. The operating system releases the lock when a process is killed.

A lease stands beside the lock where that may not hold: for the workers of a cluster, and on a disk that has no locks.
"""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from progressive_app.locks.lease import LEASE, Lease, await_lease, current_claim, is_leased, take_lease
from progressive_core.contract.errors import RunError

LOCK = ".lock"
LOCK_TIMEOUT = 0.5
"""Seconds to wait for the lock: the list of runs holds each run's lock for a moment."""
RETRY_TIMEOUT = 15.0
"""Seconds that a later attempt at a task waits: what an earlier one had started may take a moment to end."""
_NO_LOCKS = frozenset({errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL})


class RunLock:
    """The hold of this process on a run: by the file lock, by a lease, or by both."""

    def __init__(self, lock: FileLock | None, lease: Lease | None) -> None:
        self._lock, self._lease = lock, lease
        self._is_held = True

    @property
    def is_locked(self) -> bool:
        """Whether the run is still this process's."""
        return self._is_held and (self._lease is None or self._lease.is_ours)

    def check(self) -> None:
        """Look before a write whether the run is still this process's.

        :raise RunError: its lease was taken over.
        """
        if self._lease is not None:
            self._lease.check()

    def release(self) -> None:
        """Let another process have the run."""
        self._is_held = False
        if self._lease is not None:
            self._lease.release()
        if self._lock is not None:
            self._lock.release()


def lock_run(directory: Path) -> RunLock:
    """Take the run in `directory`, until the lock is released.

    :raise RunError: another process, or another trainer of this one, has it.
    """
    claim = current_claim()
    try:
        has_locks = _has_locks(directory / LOCK)
    except OSError as error:
        raise RunError(f"{directory / '.lock'}: the run cannot be locked ({error.strerror})") from error
    lease = None
    if not has_locks or (claim is not None and claim.leased):
        lease = take_lease(directory)
    elif (directory / LEASE).exists():
        await_lease(directory)
    lock = FileLock(directory / LOCK) if has_locks else None
    try:
        if lock is not None:
            lock.acquire(timeout=RETRY_TIMEOUT if claim is not None and claim.attempt > 1 else LOCK_TIMEOUT)
    except BaseException as error:
        if lease is not None:
            lease.release()
        if isinstance(error, Timeout):
            raise RunError(
                f"{directory}: another process, or trainer of this one, is training this run; wait for it, or stop it"
            ) from None
        if isinstance(error, OSError):
            raise RunError(f"{directory / '.lock'}: the run cannot be locked ({error.strerror})") from error
        raise
    return RunLock(lock, lease)


def is_free(directory: Path) -> bool:
    """Whether no process has the run open.

    :raise RunError: the lock cannot be opened.
    """
    if is_leased(directory):
        return False
    try:
        if not _has_locks(directory / LOCK):
            return True
        with FileLock(directory / LOCK).acquire(timeout=0):
            return True
    except Timeout:
        return False
    except OSError as error:
        raise RunError(f"{directory / '.lock'}: the run cannot be locked ({error.strerror})") from error


def _has_locks(path: Path) -> bool:
    """Whether the disk of the lock file has locks: that is tried."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in _NO_LOCKS
    finally:
        with suppress(OSError):
            os.close(descriptor)
    return True
