"""An exclusive lock on a file: the operating system's, which no killed process holds.

Of its own, and not that of the library `filelock`: what an interrupt leaves of a lock that is being taken has to be known
(`undoing`), and the file of the lock, which may have another name too, is not to be cut to no bytes.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import BinaryIO

from progressive_app.machine.undoing import note_undo, undo_what_is_left

POLL = 0.02
"""Seconds between two tries."""


class FileLock:
    """A lock on the file at `path`, which is made where it is absent. Of two in one process one waits too."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None

    def acquire(self, timeout: float) -> None:
        """Take the lock.

        :raise TimeoutError: another one still has it after so many seconds. :raise OSError: the file cannot be opened or locked.
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
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.release()
            return False
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
