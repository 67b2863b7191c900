"""The files that a run rests on, as its manifest has them: wherever one is used, its bytes are those that the run was begun on."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from attrs import frozen

from progressive_app.machine.logs import get_logger
from progressive_app.store.progress import STAGES, STATE
from progressive_app.store.run_documents import read_manifest
from progressive_core.contract.errors import DataError, RunError
from progressive_core.contract.records import BucketInfo, RunInfo

log = get_logger()

PIECE = 1 << 20
"""Bytes that are hashed at a time."""
PLACE = "PLACE"
"""Stands for a path in messages."""
_planned: ContextVar[Mapping[str, str]] = ContextVar(
    "what files of a study held when it was planned", default=MappingProxyType({})
)


@frozen(kw_only=True)
class RunInput:
    """A file that a run rests on: its `path`, and the `sha256` and `size` in bytes of what it held when the run was begun.

    `size` is None where an earlier version wrote the manifest.
    """

    path: Path
    sha256: str
    size: int | None = None

    def read(self) -> bytes:
        """What the file held when the run was begun: the bytes that are hashed are the ones returned.

        A file that has only grown is read up to where it ended then, and a warning says so.

        :raise DataError: it is gone, cannot be read, or holds other bytes.
        """
        try:
            if not self.path.is_file():  # what else stands there, such as a pipe, may keep its reader waiting
                raise self._refused("gone")
            with self.path.open("rb") as file:
                held = os.fstat(file.fileno()).st_size
                content = file.read(held if self.size is None else min(self.size, held))
        except OSError as error:
            raise self._refused(_why(error)) from error
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise self._refused("changed", held)
        if held > len(content):
            self.warn_of_change()
        return content

    def change(self) -> str:
        """What has become of the file since the run was begun: "" for nothing, "grown", "changed", "gone" or that it cannot be
        read. Content that was hashed before is not hashed again."""
        try:
            status = self.path.stat()
            if not stat.S_ISREG(status.st_mode):  # a pipe would keep its reader waiting
                return "gone"
            identity = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
            if _digest_of(self.path, self.size, identity) != self.sha256:
                return "changed"
        except OSError as error:
            return _why(error)
        return "" if self.size is None or status.st_size == self.size else "grown"

    def warn_of_change(self) -> None:
        """Where the file is not what it was, warn that the run goes on with what it was: to be called by whoever has that."""
        if change := self.change():
            line = f"{self.path}: {change} since the run was begun, which goes on with what the file held then"
            log.warning(line)

    def _refused(self, change: str, held: int | None = None) -> DataError:
        sizes = "" if held is None or self.size in (None, held) else f" ({self.size:,} bytes then, {held:,} now)"
        return DataError(
            f"{self.path}: {change} since the run was begun{sizes}; put the old file back, or begin a new run"
        )


def run_input(run: BucketInfo | RunInfo, key: str) -> RunInput | None:
    """The file that the setting `key` of a run names, None where it names none.

    Outside of a run it is the file as it is now.

    :raise DataError: it cannot be read. :raise RunError: the run's manifest is damaged, or does not have it.
    """
    named = run.settings[key]
    if named is None:
        return None
    directory = _whole_run(run)
    if not (directory / STATE).is_file():
        return _as_recorded(described(key, str(named), None))
    begun = read_manifest(directory)["inputs"].get(key)
    if begun is None:
        raise RunError(f"{directory}: its manifest does not say what {named} held when the run was begun ({key})")
    return _as_recorded({**begun, "file": str(named)})


def _whole_run(run: BucketInfo | RunInfo) -> Path:
    """The directory of the run; of scratch arms and of a member of a stage, that of the run around theirs, whose manifest is kept up."""
    directory = run.run_dir.absolute()
    if isinstance(run, BucketInfo) and run.scratch_arm:
        return directory.parent
    is_member = directory.parent.name == STAGES and (directory.parents[1] / STATE).is_file()
    return directory.parents[1] if is_member else directory


def _as_recorded(begun: Mapping[str, Any]) -> RunInput:
    size = begun.get("bytes")
    size = size if size is None else max(size, 0)
    return RunInput(path=Path(begun["file"]), sha256=begun.get("sha256", ""), size=size)


@contextmanager
def planned_on(digests: Mapping[str, str]) -> Iterator[None]:
    """Within it a run begins on the bytes that a study was planned on: the SHA-256 of each file by its path."""
    before = _planned.set(digests)
    try:
        yield
    finally:
        _planned.reset(before)


def described(key: str, path: str, content: bytes | None) -> dict[str, Any]:
    """What a manifest says of the file at `path`, which the setting `key` names.

    :param content: where it is to be written when the run begins.
    :raise DataError: it cannot be read.
    """
    file = Path(path)
    if content is not None:
        return {"file": path, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    if not file.is_file():
        what = "a directory" if file.is_dir() else "no such file"
        raise DataError(f"{file}: {what}; {key} names a file to read")
    digest, size = _hashed(file)
    if digest != _planned.get().get(path, digest):
        raise DataError(f"{file}: changed since the study was planned; put the old one back, or begin a new study")
    return {"file": path, "sha256": digest, "bytes": size}


def has_moved_to(path: Any, begun: Mapping[str, Any] | None) -> bool:
    """Whether the file at `path` holds the bytes of one that the manifest describes (`begun`), wherever that was."""
    return (
        begun is not None
        and isinstance(path, str)
        and Path(path).is_file()
        and _hashed(Path(path))[0] == begun.get("sha256")
    )


def moved_with_the_run(inputs: Mapping[str, Any], directory: Path) -> dict[str, str]:
    """The files of a manifest's `inputs` that are gone, by key, where the run itself holds them: it was moved, or copied."""
    return {
        key: str(found)
        for key, begun in inputs.items()
        if not Path(begun["file"]).is_file()
        and has_moved_to(str(found := (directory / Path(begun["file"]).name).absolute()), begun)
    }


def check_data_unchanged(inputs: Mapping[str, Any], directory: Path) -> None:
    """A resumed run must see the files that it was begun with.

    :param inputs: of the run's manifest. :raise RunError: one is gone or holds other bytes.
    """
    for key, begun in inputs.items():
        file = Path(begun["file"])
        flag = f"--data {PLACE}" if key == "DATA" else f"--set {key}={PLACE}"
        if not file.is_file():
            raise RunError(
                f"{directory}: its data file {file} is gone; put it back, or go on with its new place: {flag}, or "
                f'resume(settings={{"{key}": {PLACE}}}) from Python'
            )
        digest, size = _hashed(file)
        if digest == begun.get("sha256"):
            continue
        then = begun.get("bytes")
        if then is not None and 0 < then < size and _digest(file, then)[0] == begun.get("sha256"):
            raise RunError(
                f"{directory}: its data file {file} has grown since; its first {then} bytes are the old one: "
                f"`head -c {then} {file} > {PLACE}`, then {flag}, or start a new run"
            )
        raise RunError(
            f"{directory}: its data file {file} has changed since; put the old one back, or go on with a copy of it: {flag}, or start a new run"
        )


def _hashed(path: Path) -> tuple[str, int]:
    """SHA-256 and size of what a file holds.

    :raise DataError: it cannot be read.
    """
    try:
        return _digest(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error


@lru_cache(maxsize=64)
def _digest_of(path: Path, most: int | None, identity: tuple[int, ...]) -> str:
    """SHA-256 of the first `most` bytes of a file, hashed once while its `identity` stays."""
    return _digest(path, most)[0]


def _digest(path: Path, most: int | None = None) -> tuple[str, int]:
    """SHA-256 of the first `most` bytes of a file, and how many they are; None: of all.

    :raise OSError: it cannot be read.
    """
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while piece := file.read(PIECE if most is None else min(PIECE, most - size)):
            digest.update(piece)
            size += len(piece)
    return digest.hexdigest(), size


def _why(error: OSError) -> str:
    return "gone" if isinstance(error, FileNotFoundError) else f"not to be read ({error.strerror or error})"
