"""Writing that neither a crash nor a power cut can tear: whole files by rename, lines by append."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from progressive_app.json_values import json_values
from progressive_app.machine.durable_files import open_to_append, replacing, separate, sync, sync_directory
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
    """Replace `path` by `content`: after a crash or a power cut at any point it holds the old bytes or the new ones."""
    atomic_writes({path: content})


def atomic_writes(contents: Mapping[Path, bytes]) -> None:
    """Replace several files, each by what it is to hold, in their order, and wait for the disk once."""
    with replacing(*contents) as partials:
        for partial, content in zip(partials, contents.values(), strict=True):
            with partial.open("xb") as file:
                file.write(content)


def publish(original: Path, path: Path) -> None:
    """Replace `path` by `original`, a file that is safely on disk and is never written to again; its directory is still to be waited
    for (`sync_directory`).

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


def as_document(value: Any) -> bytes:
    """One JSON document for people to read."""
    return (json.dumps(json_values(value), indent=2, allow_nan=False) + "\n").encode()


def write_json(path: Path, value: Any) -> None:
    """Write one JSON document for people to read, atomically."""
    atomic_write(path, as_document(value))


def append_json_line(path: Path, value: Any) -> None:
    """Append one line of JSON; a rollback removes it again by `truncate`."""
    try:
        with open_to_append(path) as file:
            file.write((json.dumps(json_values(value), allow_nan=False) + "\n").encode())
            file.flush()  # here: where an interrupt keeps the file from being closed, nothing is left to be written later
    except OSError as error:
        error.filename = str(path)
        raise


def append_lines(path: Path, origin: Path) -> None:
    """Append the lines of another file, which may be absent; a rollback removes them again."""
    if origin.exists():
        with open_to_append(path) as file:
            file.write(origin.read_bytes())
            file.flush()


def sync_lines(path: Path, synced: int) -> int:
    """Bytes of a file of lines, all of which are on the disk from here on; `synced` of them were before."""
    length = size_of(path)
    if length != synced:
        sync(path)
        if not synced:  # its name is new, too
            sync_directory(path.parent)
    return length


def size_of(path: Path) -> int:
    """Bytes of a file of lines; an absent one has none."""
    return path.stat().st_size if path.exists() else 0


def truncate(path: Path, length: int) -> None:
    """Cut a file of lines back to `length` bytes; an absent one stays absent."""
    if size_of(path) > length:
        separate(path)
        os.truncate(path, length)
