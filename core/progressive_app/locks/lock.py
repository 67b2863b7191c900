"""One trainer at a time on a run. The operating system releases the lock when a process is killed.

A lease stands beside the lock where that may not hold: for the workers of a cluster, and on a disk that has no locks.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from multiprocessing import parent_process
from pathlib import Path

from progressive_app.locks.file_lock import POLL, FileLock, NoFileLocks, is_locked
from progressive_app.locks.lease import BEAT, LEASE, Lease, LeaseHeld, await_lease, current_claim, is_leased
from progressive_app.machine.logs import get_logger
from progressive_app.machine.undoing import note_undo
from progressive_core.contract.errors import RunError

LOCK = ".lock"
LOCK_TIMEOUT = 0.5
"""Seconds to wait for the lock: the list of runs holds each run's lock for a moment."""
RETRY_TIMEOUT = 15.0
"""Seconds that a later attempt at a task waits: what an earlier one had started may take a moment to end."""
TRAINING = "training this run"

log = get_logger()


class RunLock:
    """The hold of this process on the run in `directory`, once it is taken: by the file lock, by a lease, or by both."""

    def __init__(self, directory: Path, work: str = TRAINING) -> None:
        self._directory, self._work = directory, work
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
            if claim is not None and claim.leased:
                self._take_lease()
            elif (self._directory / LEASE).exists():
                await_lease(self._directory / LEASE)
            self._take_lock(RETRY_TIMEOUT if claim is not None and claim.attempt > 1 else LOCK_TIMEOUT)
        except BaseException as error:
            self.release()
            if isinstance(error, LeaseHeld | TimeoutError):
                who = error if isinstance(error, LeaseHeld) else "another process, or trainer of this one,"
                raise RunError(f"{self._directory}: {who} is {self._work}; wait for it, or stop it") from None
            if isinstance(error, OSError):
                raise _unlockable(self._directory, error) from error
            raise
        self._is_held = True

    def _take_lock(self, timeout: float) -> None:
        try:
            self._lock.acquire(timeout)
        except NoFileLocks as error:
            self._lock.release()
            if self._lease is None:
                _warn_of_no_locks(self._directory, error)
                self._take_lease()

    def _take_lease(self) -> None:
        self._lease = Lease(self._directory / LEASE)
        self._lease.take()

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


def lock_run(directory: Path, work: str = TRAINING) -> RunLock:
    """Take the run in `directory`, until the lock is released.

    :param work: what it is taken for, as the error says it. :raise RunError: another process, or another trainer of this one, has it.
    """
    lock = RunLock(directory, work)
    lock.take()
    return lock


def is_free(directory: Path) -> bool:
    """Whether no process has the run open. Nothing is written.

    :raise RunError: the lock cannot be opened.
    """
    if is_leased(directory / LEASE):
        return False
    try:
        return not is_locked(directory / LOCK)
    except NoFileLocks:
        return True
    except OSError as error:
        raise _unlockable(directory, error) from error


@contextmanager
def one_at_a_time(path: Path, patience: float = 300.0) -> Iterator[None]:
    """Within it no other process makes the file at `path`: by a lock beside it, or on a disk without file locks by a lease.

    Where neither can be had, or not within `patience` seconds, each makes its own: write the file beside its place and put it there.
    """
    lock = FileLock(path.with_suffix(".lock"))
    held: FileLock | Lease = lock
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(patience)
        except NoFileLocks:
            held = lease = Lease(path.with_suffix(".lease"))
            note_undo(lease.release)
            _take_within(lease, patience)
    except (OSError, RunError) as error:
        log.info("nobody waits for a file that another process makes", path=str(path), error=str(error))
    try:
        yield
    finally:
        held.release()


def _take_within(lease: Lease, patience: float) -> None:
    """Take a lease, which others may hold for so many seconds.

    :raise LeaseHeld: one still has it then.
    """
    until = time.monotonic() + patience
    while True:
        try:
            return lease.take()
        except LeaseHeld:
            if time.monotonic() >= until:
                raise
        time.sleep(POLL)


def _warn_of_no_locks(directory: Path, error: OSError) -> None:
    line = (
        f"{directory}: its disk has no file locks ({error.strerror}): who is at work here is kept in {LEASE}, which is touched "
        f"every {BEAT:g} seconds"
    )
    known = _known_disks()
    disk = directory.stat().st_dev
    is_worker = current_claim() is not None or parent_process() is not None
    if is_worker or disk in known:
        log.info(line)
    else:
        known.add(disk)
        log.warning(line)


@cache
def _known_disks() -> set[int]:
    """Disks without file locks that the user of this process was told of."""
    return set()


def _unlockable(directory: Path, error: OSError) -> RunError:
    return RunError(f"{directory / LOCK}: the run cannot be locked ({error.strerror})")
