"""An exclusive lock on a file: the operating system's, which no killed process holds.

Of its own, and not that of the library `filelock`: what an interrupt leaves of a lock that is being taken has to be known
(`undoing`), and the file of the lock, which may have another name too, is not to be cut to no bytes.
"""

from __future__ import annotations

import errno
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from progressive_app.machine.undoing import note_undo, undo_what_is_left, undone_after

fcntl: Any = None
with suppress(ImportError):  # Windows, which is then as a disk without locks
    import fcntl

POLL = 0.02
"""Seconds between two tries."""
_NO_LOCKS = frozenset({errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL})


class NoFileLocks(OSError):
    """The disk of a file has no locks, or none left."""


class FileLock:
    """A lock on the file at `path`, which is made where it is absent. Of two in one process one waits too."""

    _file: BinaryIO | None = None  # here: an interrupt may come before the first line of __init__

    def __init__(self, path: Path) -> None:
        self._path = path

    def acquire(self, timeout: float) -> None:
        """Take the lock.

        :raise TimeoutError: another one still has it after so many seconds. :raise NoFileLocks: its disk has no locks.
        :raise OSError: the file cannot be opened or locked.
        """
        undo_what_is_left()
        note_undo(self.release)
        until = time.monotonic() + timeout
        try:
            while not self._is_taken():
                if time.monotonic() >= until:
                    raise TimeoutError(f"{self._path}: another one has the lock")
                time.sleep(POLL)
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Let another one have the lock; nothing where it is not held."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __del__(self) -> None:
        self.release()  # of a run that nobody closed and nobody can reach any more

    def _is_taken(self) -> bool:
        self._file = self._path.open("ab", buffering=0)  # never in a local variable, which a traceback would keep open
        try:
            _lock(self._file, "LOCK_EX")
        except BlockingIOError:
            self.release()
            return False
        except OSError as error:
            raise _known(error, self._path) from error
        if not self._is_at_its_path():  # whoever held it has removed it since
            self.release()
            return False
        return True

    def _is_at_its_path(self) -> bool:
        assert self._file is not None
        try:
            return os.path.samestat(os.fstat(self._file.fileno()), self._path.stat())
        except FileNotFoundError:
            return False


def is_locked(path: Path) -> bool:
    """Whether another one has the lock on the file at `path`. Nothing is written, so that runs on a disk for reading can be listed.

    :raise NoFileLocks: its disk has no locks. :raise OSError: it cannot be opened.
    """
    try:
        with path.open("rb") as file, undone_after(file.close):
            _lock(file, "LOCK_SH")
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    except OSError as error:
        raise _known(error, path) from error
    return False


def _lock(file: BinaryIO, kind: str) -> None:
    if fcntl is None:
        raise OSError(errno.ENOSYS, "this system has no flock")
    fcntl.flock(file, getattr(fcntl, kind) | fcntl.LOCK_NB)


def _known(error: OSError, path: Path) -> OSError:
    return NoFileLocks(error.errno, error.strerror, str(path)) if error.errno in _NO_LOCKS else error
