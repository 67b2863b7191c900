"""Writing that a crash cannot tear: whole files by rename, lines by append."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from progressive_app.json_values import json_values
from progressive_core.contract.errors import WriteError

_P = ParamSpec("_P")
_R = TypeVar("_R")


class _OfARun(Protocol):
    @property
    def directory(self) -> Path: ...


_S = TypeVar("_S", bound=_OfARun)


def writes(method: Callable[Concatenate[_S, _P], _R]) -> Callable[Concatenate[_S, _P], _R]:
    """Of a method of a run that writes: turns an OSError into one WriteError line."""

    @wraps(method)
    def wrapped(run: _S, /, *arguments: _P.args, **named: _P.kwargs) -> _R:
        try:
            return method(run, *arguments, **named)
        except OSError as error:
            where = error.filename2 or error.filename or run.directory
            raise WriteError(
                f"{where}: cannot be written ({error.strerror}); the run stands at its last commit: "
                f"mend that, then go on with --resume --run-dir {run.directory}"
            ) from error

    return wrapped


def atomic_write(path: Path, content: bytes) -> None:
    """Replace `path` by `content`: after a crash at any point it holds the old bytes or the new ones."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.unlink(missing_ok=True)  # a killed run's, or a link that a stranger left: never written through
        with partial.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        error.filename = str(path)  # the error of a failed write has no file name
        raise
    _sync_directory(path.parent)


def publish(original: Path, path: Path) -> None:
    """Replace `path` by `original`, a file that is safely on disk and is never written to again.

    The same bytes under a second name need not be written and waited for once more; where a file can have one name only
    (FAT, some network disks) they are copied.
    """
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        partial.hardlink_to(original)
    except (OSError, NotImplementedError):
        atomic_write(path, original.read_bytes())
        return
    try:
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)  # where both are names of one file already, a rename leaves them as they are
    _sync_directory(path.parent)


def as_document(value: Any) -> bytes:
    """One JSON document for people to read."""
    return (json.dumps(json_values(value), indent=2, allow_nan=False) + "\n").encode()


def write_json(path: Path, value: Any) -> None:
    """Write one JSON document for people to read, atomically."""
    atomic_write(path, as_document(value))


def append_json_line(path: Path, value: Any) -> None:
    """Append one line of JSON; a rollback removes it again by `truncate`."""
    try:
        with path.open("ab") as file:
            file.write((json.dumps(json_values(value), allow_nan=False) + "\n").encode())
    except OSError as error:
        error.filename = str(path)
        raise


def append_lines(path: Path, origin: Path) -> None:
    """Append the lines of another file, which may be absent; a rollback removes them again."""
    if origin.exists():
        with path.open("ab") as file:
            file.write(origin.read_bytes())


def truncate(path: Path, length: int) -> None:
    """Cut a file of lines back to `length` bytes; an absent one stays absent."""
    if path.exists() and path.stat().st_size > length:
        os.truncate(path, length)


def _sync_directory(directory: Path) -> None:
    """Make a rename durable, where the platform can."""
    if os.name == "posix":
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
