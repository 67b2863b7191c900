"""Files that a crash cannot tear and a power cut cannot undo, and that are never written through another name of theirs.

A file system may keep what was written, and what was created, renamed or removed in a directory, in memory, and bring it to
the disk in any order. What must be there before something else is waited for (fsync): a file before the name that it gets,
a directory after a change in it.
"""

from __future__ import annotations

import errno
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from progressive_core.contract.errors import RunError

REPORTS = Path("reports")
"""The directory of reports on runs that nothing may be written to, in the working directory."""

_CANNOT_WAIT = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})
"""Of a disk that knows no waiting: of directories on some network disks, of anything on a few."""


@contextmanager
def replacing(*paths: Path) -> Iterator[tuple[Path, ...]]:
    """Within it, the paths of files to write beside `paths`; at the end they take their places, in this order, also if the power
    fails right afterwards. Files that belong together are waited for together.

    At any time each of `paths` holds its old bytes or its new ones. After an error all hold the old ones, unless the error is that
    one cannot take its place, and nothing lies beside them.

    :raise OSError: one cannot be written; its `filename` is one of `paths`.
    """
    partials = {path.with_name(f".{path.name}.partial"): path for path in paths}
    try:
        for partial in partials:
            partial.unlink(missing_ok=True)  # a killed run's, or a link that a stranger left: never written through
        yield tuple(partials)
        for partial in partials:
            sync(partial)
        for partial, path in partials.items():
            partial.replace(path)
    except OSError as error:  # that of a failed write has no file name
        error.filename = str(partials.get(Path(error.filename or ""), paths[0]))
        raise
    finally:
        for partial in partials:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
    for directory in {path.parent for path in paths}:
        sync_directory(directory)


def make_directory(directory: Path) -> None:
    """Make a directory and those above it, where they are absent; a power cut does not take them back."""
    absent = [path for path in (directory, *directory.parents) if not path.exists()]
    directory.mkdir(parents=True, exist_ok=True)
    for path in absent:
        sync_directory(path.parent)


def place_for_reports(run: Path) -> Path:
    """Where what is made of a run's files is written: in its directory, or where nothing may be written there, in `reports/NAME` of the
    working directory, which is made.

    :raise RunError: that cannot be made either.
    """
    try:
        with TemporaryFile(dir=run):
            return run
    except OSError as error:
        if error.errno not in {errno.EROFS, errno.EACCES, errno.EPERM}:
            return run  # whoever writes there will say what it is
    place = REPORTS / run.absolute().name
    try:
        make_directory(place)
    except OSError as error:
        raise RunError(
            f"{run}: nothing may be written there, and no {place} can be made here ({error.strerror}); change to a directory of yours"
        ) from error
    return place


def open_to_append(path: Path) -> BinaryIO:
    """A file opened to be appended to, which may be absent; other names of it keep what they show."""
    separate(path)
    return path.open("ab")


def separate(path: Path) -> None:
    """Make a file that has other names one of its own, with the same bytes: what is written to it in place must not change a
    snapshot by hard links, or a file of the user that a stranger's run holds under a second name."""
    try:
        if path.stat().st_nlink < 2:
            return
    except FileNotFoundError:
        return
    # several processes may write to one log
    own = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.partial")
    try:
        shutil.copyfile(path, own)
        sync(own)
        own.replace(path)
    finally:
        own.unlink(missing_ok=True)
    sync_directory(path.parent)


def sync(path: Path) -> None:
    """Wait until the bytes of a file are on the disk, where that can be waited for."""
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)  # Windows waits for writers alone
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_WAIT:
            raise
    finally:
        os.close(descriptor)


def sync_directory(directory: Path) -> None:
    """Wait until the names in a directory are on the disk, where that can be waited for."""
    with suppress(PermissionError):  # one that may be written and not read, or is another user's
        sync(directory)


def sync_tree(directory: Path) -> None:
    """Wait until a directory, all that is below it, and its own name are on the disk."""
    for path in directory.rglob("*"):
        if path.is_file() and not path.is_symlink():
            sync(path)
    for path in (directory, *directory.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            sync_directory(path)
    sync_directory(directory.parent)
