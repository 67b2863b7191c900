"""One trainer at a time on a run. The operating system releases the lock when a process is killed.

A lease stands beside the lock where that may not hold: for the workers of a cluster, and on a disk that has no locks.
"""

from __future__ import annotations

import errno
from pathlib import Path

from progressive_app.locks.file_lock import FileLock
from progressive_app.locks.lease import LEASE, Lease, await_lease, current_claim, is_leased
from progressive_app.machine.undoing import note_undo
from progressive_core.contract.errors import RunError

LOCK = ".lock"
LOCK_TIMEOUT = 0.5
"""Seconds to wait for the lock: the list of runs holds each run's lock for a moment."""
RETRY_TIMEOUT = 15.0
"""Seconds that a later attempt at a task waits: what an earlier one had started may take a moment to end."""
_NO_LOCKS = frozenset({errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL})


class RunLock:
    """The hold of this process on the run in `directory`, once it is taken: by the file lock, by a lease, or by both."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = FileLock(directory / LOCK)
        self._lease: Lease | None = None
        self._is_held = False

    def take(self) -> None:
        """Take the run.

        :raise RunError: another process, or another trainer of this one, has it.
        """
        claim = current_claim()
        try:
            note_undo(self.release)
            has_locks = _has_locks(self._directory / LOCK)
            if not has_locks or (claim is not None and claim.leased):
                self._lease = Lease(self._directory)
                self._lease.take()
            elif (self._directory / LEASE).exists():
                await_lease(self._directory)
            if has_locks:
                self._lock.acquire(RETRY_TIMEOUT if claim is not None and claim.attempt > 1 else LOCK_TIMEOUT)
        except BaseException as error:
            self.release()
            if isinstance(error, TimeoutError):
                raise RunError(
                    f"{self._directory}: another process, or trainer of this one, is training this run; wait for it, or stop it"
                ) from None
            if isinstance(error, OSError):
                raise _unlockable(self._directory, error) from error
            raise
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
        self._lock.release()


def lock_run(directory: Path) -> RunLock:
    """Take the run in `directory`, until the lock is released.

    :raise RunError: another process, or another trainer of this one, has it.
    """
    lock = RunLock(directory)
    lock.take()
    return lock


def is_free(directory: Path) -> bool:
    """Whether no process has the run open.

    :raise RunError: the lock cannot be opened.
    """
    if is_leased(directory):
        return False
    lock = FileLock(directory / LOCK)
    try:
        if _has_locks(directory / LOCK):
            lock.acquire(timeout=0)
    except TimeoutError:
        return False
    except OSError as error:
        raise _unlockable(directory, error) from error
    finally:
        lock.release()
    return True


def _unlockable(directory: Path, error: OSError) -> RunError:
    return RunError(f"{directory / LOCK}: the run cannot be locked ({error.strerror})")


def _has_locks(path: Path) -> bool:
    """Whether the disk of the lock file has locks: that is tried."""
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except TimeoutError:
        return True
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return False
        raise
    finally:
        lock.release()
    return True
