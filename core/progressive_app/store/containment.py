"""Checks that a run holds its own files and nothing else, made before anything in its directory is read or written.

A run may come from a stranger. A link in it could have us read, cut or append to any file of the user; a pipe would have us
wait for ever. A second name of a file (a hard link) cannot be told from a copy by its path: whole files are written beside
their place and renamed, and files of lines are made anew before they are cut or appended to (`separate`). Only the lock is
opened as it is, and it is empty.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from progressive_app.locks.lock import LOCK
from progressive_core.contract.errors import RunError

MOST_ENTRIES = 100_000
"""Files and directories that a run may hold: far more than any does, and soon counted."""


def check_no_external_links(directory: Path) -> None:
    """Check every file below the run at `directory`, which may itself be a link, since the user named it.

    :raise RunError: a link leads out of it, something is neither a file nor a directory, or there are too many files.
    """
    home, ahead, seen = directory.resolve(), [directory], 0
    while ahead:
        try:
            entries = list(os.scandir(ahead.pop()))
        except FileNotFoundError:
            continue  # another process is at work here, and has just removed it
        except OSError as error:
            raise RunError(f"{error.filename}: cannot be read ({error.strerror})") from error
        seen += len(entries)
        if seen > MOST_ENTRIES:
            raise RunError(f"{directory}: holds more than {MOST_ENTRIES:,} files, which no run does")
        for entry in entries:
            if entry.is_symlink():
                _check_stays_within(Path(entry.path), home)
            elif entry.is_dir(follow_symlinks=False):
                ahead.append(Path(entry.path))
            elif (status := _status(entry)) is not None:
                if not stat.S_ISREG(status.st_mode):
                    raise RunError(f"{entry.path}: neither a file nor a directory; a run holds nothing else")
                _check_lock(Path(entry.path), status)


def check_is_own_file(path: Path) -> None:
    """Check that a file of a run is a regular file and no link: enough where only that file is read, as for the list of runs.

    :raise RunError: it is something else. An absent one is not refused.
    """
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror})") from error
    if not stat.S_ISREG(status.st_mode):
        raise RunError(f"{path}: not a file of its own run, but a link, a directory or a pipe; remove it")
    _check_lock(path, status)


def _check_lock(path: Path, status: os.stat_result) -> None:
    """Check that a run's lock is no second name of a file that holds something: locking may empty it."""
    if path.name == LOCK and status.st_nlink > 1 and status.st_size:
        raise RunError(f"{path}: a second name of a file that is no lock; remove it")


def _status(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat(follow_symlinks=False)
    except FileNotFoundError:  # written beside and renamed meanwhile
        return None


def _check_stays_within(link: Path, home: Path) -> None:
    try:
        target = link.resolve(strict=True)
    except (OSError, RuntimeError):  # RuntimeError: it leads in a circle
        raise RunError(f"{link}: a link that leads nowhere; a run holds its own files, remove the link") from None
    if not target.is_relative_to(home):
        raise RunError(f"{link}: a link out of its run, to {target}; a run holds its own files, remove the link")
    if not (target.is_file() or target.is_dir()):
        raise RunError(f"{link}: a link to {target}, neither a file nor a directory; remove the link")
