"""A disk that may lose what was not waited for: what a program does to a directory and what a power cut leaves of it.

Two things are kept apart, as a file system does: what a file holds, and which names a directory has. Each is on the disk once it was waited
for (fsync); until then a file may hold what it held before, be cut short, or hold zeros, and of the changes of names any may be missing.

"""

from __future__ import annotations

import hashlib
import itertools
import os
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import define, field
from power_record import ROOT

Change = tuple[int, str, int | None]
"""A name in a directory, by its number, and what it means from then on: the number of a file or directory, or nothing."""
Tree = dict[str, str | None]
"""What a power cut leaves: for each path the digest of a file, None for a directory."""
EVERY_SUBSET = 6
"""Of so many changes of names all subsets are made; of more, a selection."""


@define
class Disk:
    """What is on the disk for certain, and what may or may not be, at one moment of a record."""

    contents: Path
    certain: dict[tuple[int, str], int] = field(factory=dict)
    pending: list[list[Change]] = field(factory=list)
    synced: dict[int, str] = field(factory=dict)
    written: dict[int, str] = field(factory=dict)
    directories: set[int] = field(factory=lambda: {ROOT})
    promised: dict[str, Any] = field(factory=dict)

    def moments(self, events: Sequence[list[Any]]) -> Iterator[int]:
        """Play a record; stops before each wait, where most may be missing, and at the end. Gives the number of the event."""
        for number, (kind, *what) in enumerate(events):
            if kind == "wait":
                yield number
                self._wait(what[0])
            elif kind == "names":
                self.pending.append([tuple(change) for change in what[0]])
            elif kind == "bytes":
                self.written[what[0]] = what[1]
            elif kind == "mark":
                self.promised[what[0]] = what[1:]
            elif kind == "settled":
                for each in list(self.pending):
                    self._settle(each)
                self.pending.clear()
                self.synced.update(self.written)
        yield len(events)

    def _wait(self, number: int) -> None:
        if number in self.written:
            self.synced[number] = self.written[number]
        for change in [each for each in self.pending if any(place == number for place, _, _ in each)]:
            self._settle(change)
            self.pending.remove(change)

    def _settle(self, change: Sequence[Change]) -> None:
        self.certain = _applied(self.certain, change)

    def trees(self, rng: random.Random) -> Iterator[Tree]:
        """What a power cut at this moment may leave."""
        for subset in _subsets(len(self.pending), rng):
            names = self.certain
            for number in subset:
                names = _applied(names, self.pending[number])
            places = dict(_places(names))
            loose = sorted({n for n in places.values() if n in self.written and self.synced.get(n) != self.written[n]})
            versions = [self._versions(number) for number in loose]
            for chosen in _choices(versions):
                content = {**self.synced, **dict(zip(loose, chosen, strict=True))}
                yield {path: content.get(number) for path, number in sorted(places.items())}

    def _versions(self, number: int) -> list[str]:
        """What a file may hold that was not waited for: the new, the old, the old and half of what is new, and zeros for it."""
        before = self._content(self.synced[number]) if number in self.synced else b""
        now = self._content(self.written[number])
        found = [now, before]
        if now.startswith(before):
            more = len(now) - len(before)
            found += [
                now[: len(before) + more // 2],
                before + bytes(more),
                now[: len(before) + more // 2] + bytes(more - more // 2),
            ]
        return list(dict.fromkeys(self._kept(each) for each in found))

    def _content(self, digest: str) -> bytes:
        return (self.contents / digest).read_bytes()

    def _kept(self, content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        if not (self.contents / digest).exists():
            (self.contents / digest).write_bytes(content)
        return digest

    def whole(self) -> Tree:
        """What is there if nothing is lost."""
        names = self.certain
        for change in self.pending:
            names = _applied(names, change)
        return {path: self.written.get(number) for path, number in sorted(_places(names))}


def _applied(names: Mapping[tuple[int, str], int], change: Sequence[Change]) -> dict[tuple[int, str], int]:
    found = dict(names)
    for directory, name, number in change:
        if number is None:
            found.pop((directory, name), None)
        else:
            found[directory, name] = number
    return found


def _places(names: Mapping[tuple[int, str], int]) -> Iterator[tuple[str, int]]:
    """The paths that are reached from the root, and what is there."""
    below: dict[int, list[tuple[str, int]]] = {}
    for (directory, name), number in names.items():
        below.setdefault(directory, []).append((name, number))
    ahead = [(ROOT, "")]
    while ahead:
        directory, path = ahead.pop()
        for name, number in below.get(directory, ()):
            yield path + name, number
            ahead.append((number, f"{path}{name}/"))


def _subsets(count: int, rng: random.Random) -> Iterator[tuple[int, ...]]:
    """Which of so many changes are there: all subsets of a few; of many the prefixes, each alone, all but each, and some at random."""
    everything = range(count)
    if count <= EVERY_SUBSET:
        for size in range(count + 1):
            yield from itertools.combinations(everything, size)
        return
    yield from (tuple(everything[:size]) for size in range(count + 1))
    yield from ((each,) for each in everything)
    yield from (tuple(other for other in everything if other != each) for each in everything)
    yield from (tuple(each for each in everything if rng.random() < 0.5) for _ in everything)


def _choices(versions: Sequence[Sequence[str]]) -> Iterator[tuple[str, ...]]:
    """A version for each file: all combinations of two files, or else the same kind of loss for all."""
    if len(versions) <= 2:
        yield from itertools.product(*versions)
        return
    for kind in range(max(map(len, versions))):
        yield tuple(each[min(kind, len(each) - 1)] for each in versions)


def put(tree: Tree, contents: Path, place: Path) -> None:
    """Make a directory what a power cut left, of second names of the recorded contents: nothing may ever write into these."""
    place.mkdir()
    for path, digest in tree.items():
        if digest is None:
            (place / path).mkdir()
        else:
            os.link(contents / digest, place / path)
