"""What a process does to a directory, recorded: each write, each change of a name, each wait for the disk.

The record is made in the process itself, so that it needs neither strace nor a file system of its own: around each call that changes a name or
waits, the directory is looked at, and what has changed is noted. Bytes that were written between two looks, by whatever library, were not
waited for in between. If a call that waits were overlooked, there would be too many states, never too few.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import stat
import threading
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from progressive_app.store.progress import STATE, read_commit
from progressive_app.store.run_store import RunStore
from progressive_front import trainer

CHANGES = ("rename", "replace", "unlink", "remove", "link", "symlink", "mkdir", "rmdir", "truncate")
WAITS = ("fsync", "fdatasync")
FORGOTTEN = frozenset({".lock", ".lease", "cache", "log.jsonl"})
"""Names that no result rests on: locks, prepared data, the log. Their states would only multiply the others."""
ROOT = 0
"""The number of the directory; what is in it is numbered as it comes."""


class Recorder:
    """Notes in `out` what this process does to the directory `root` from now on; `contents` are kept there by their digest."""

    def __init__(self, root: Path, out: Path) -> None:
        self._root, self._lock, self._inside = root, threading.RLock(), False
        self._contents = out / "contents"
        self._contents.mkdir(parents=True)
        self._events = (out / "events.jsonl").open("w")
        self._numbers: dict[int, int] = {root.stat().st_ino: ROOT}
        self._seen: dict[int, tuple[int, int]] = {}
        self._names: dict[tuple[int, str], int] = {}
        self._fresh = itertools.count(1)

    def install(self) -> None:
        """Look at the directory around every call of `os` that changes a name or waits."""
        self.look()
        self._note("settled")
        for name in CHANGES:
            setattr(os, name, self._around(getattr(os, name)))
        for name in WAITS:
            setattr(os, name, self._waiting(getattr(os, name)))

    def mark(self, *what: Any) -> None:
        """Note that the program has promised something."""
        with self._lock:
            self.look()
            self._note("mark", *what)

    def look(self) -> None:
        """Note what has changed since the last look: one change of names for each call, as it is made in one step."""
        names: dict[tuple[int, str], int] = {}
        alive: dict[int, int] = {self._root.stat().st_ino: ROOT}
        written: list[tuple[int, str]] = []
        ahead = [(ROOT, str(self._root))]
        while ahead:
            number, directory = ahead.pop()
            for entry in sorted(os.scandir(directory), key=lambda each: each.name):
                if entry.name in FORGOTTEN:
                    continue
                status = entry.stat(follow_symlinks=False)
                inner = alive.get(status.st_ino) or self._numbers.get(status.st_ino) or next(self._fresh)
                alive[status.st_ino] = names[number, entry.name] = inner
                if stat.S_ISDIR(status.st_mode):
                    ahead.append((inner, entry.path))
                elif self._seen.get(inner) != (status.st_size, status.st_mtime_ns):
                    self._seen[inner] = (status.st_size, status.st_mtime_ns)
                    written.append((inner, self._keep(entry.path)))
        changed = [
            (*place, names.get(place))
            for place in self._names.keys() | names
            if self._names.get(place) != names.get(place)
        ]
        if changed:
            self._note("names", sorted(changed, key=str))
        for number, digest in written:
            self._note("bytes", number, digest)
        self._numbers, self._names = alive, names

    def _keep(self, path: str) -> str:
        content = Path(path).read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        kept = self._contents / digest
        if not kept.exists():
            kept.write_bytes(content)
        return digest

    def _around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def looked(*arguments: Any, **named: Any) -> Any:
            with self._lock:
                self.look()
                try:
                    return function(*arguments, **named)
                finally:
                    self.look()

        return looked

    def _waiting(self, function: Callable[[int], None]) -> Callable[[int], None]:
        @wraps(function)
        def waited(descriptor: int) -> None:
            with self._lock:
                self.look()
                function(descriptor)
                number = self._numbers.get(os.fstat(descriptor).st_ino)
                if number is not None:
                    self._note("wait", number)

        return waited

    def _note(self, *event: Any) -> None:
        self._events.write(json.dumps(event) + "\n")
        self._events.flush()


def record(root: Path, out: Path) -> None:
    """From now on record in `out` what this process does to `root`, and where a run stands whenever its store has promised that it does."""
    recorder = Recorder(root, out)
    create, copy_run = RunStore.create, vars(trainer)["copy_run"]

    def promise(directory: Path, *, is_copy: bool = False) -> None:
        commit = read_commit(directory / STATE)
        status = "training" if is_copy else commit.status  # a copy goes on at once
        recorder.mark(str(directory.absolute().relative_to(root)), len(commit.results), commit.episode, status)

    def created(*arguments: Any, **named: Any) -> RunStore:
        store = create(*arguments, **named)
        promise(store.directory)
        return store

    def copied(directory: Path, new: Path, *others: Any) -> None:
        copy_run(directory, new, *others)
        promise(new, is_copy=True)

    RunStore.create = created  # type: ignore[method-assign]
    vars(trainer)["copy_run"] = copied
    for name in ("_commit", "mark"):
        setattr(RunStore, name, _then(getattr(RunStore, name), promise))
    recorder.install()


def _then(method: Callable[..., None], promise: Callable[[Path], None]) -> Callable[..., None]:
    @wraps(method)
    def called(store: RunStore, *arguments: Any) -> None:
        method(store, *arguments)
        promise(store.directory)

    return called
