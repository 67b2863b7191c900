"""Watches one input after the other: what became of it, how long it took, and whether it touched what it must not."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

from attrs import define, field

from progressive_training import ProgressiveTrainingError

MOST_SECONDS = 10.0
MOST_BYTES = 4 << 30
"""Of address space, beyond what the process has when the first input comes."""
LONGEST = 2000
"""Letters of a refusal."""
WRITES = {"os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod"}


class Hung(BaseException):
    """The input took too long. No `except Exception` may swallow it."""


class Broken(Exception):
    """A promise was broken without an exception of its own."""


@define
class Tally:
    """What became of the inputs of one target."""

    target: str
    engine: str
    tried: int = 0
    refused: int = 0
    accepted: int = 0
    other: int = 0
    slowest: float = 0.0
    slow_input: Any = None
    findings: dict[str, Any] = field(factory=dict)
    """The first input of each kind that broke a promise, by what it broke."""


class Watch:
    """The scratch directory: what is fed may touch `inside` only; `outside` holds what a hostile input aims at."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch.resolve()
        self.inside, self.outside = self.scratch / "inside", self.scratch / "outside"
        for folder in (self.inside, self.outside):
            folder.mkdir(parents=True, exist_ok=True)
        (self.outside / "precious").write_text("mine")
        (self.outside / "state.json").write_text('{"status": "finished"}')
        self._touched: list[str] = []
        self._watching = False
        sys.addaudithook(self._heard)

    def feed(self, tally: Tally, value: Any, to: Callable[[Any], None], place: str) -> None:
        """Hand `value` to a target and count what becomes of it.

        A target returns (accepted), raises an error of ours that tells a place (refused), or has broken a promise.

        :param place: a pattern of which a refusal must hold one: the file, line or key.
        """
        before, begun = self._listing(), perf_counter()
        self._touched.clear()
        told = io.StringIO()
        try:
            with self._limits(), contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
                to(value)
            tally.accepted += 1
        except ProgressiveTrainingError as error:
            if finding := _of_message(str(error), place):
                self._found(tally, finding, value)
            else:
                tally.refused += 1
        except (Exception, Hung) as error:  # noqa: BLE001  (that is what is looked for)
            where = traceback.extract_tb(error.__traceback__)[-1]
            place_of = f"{where.filename}:{where.lineno}"
            self._found(tally, f"{type(error).__name__} at {place_of}", value, str(error)[:300])
        tally.tried += 1
        if perf_counter() - begun > tally.slowest:
            tally.slowest, tally.slow_input = perf_counter() - begun, value
        if self._touched:
            self._found(tally, f"wrote outside: {self._touched[0]}", value)
        if self._listing() != before:
            self._found(tally, "changed what lies outside", value)
        if left := [
            path for path in self.inside.rglob("*") if ".part" in path.name and path.is_file() and not path.is_symlink()
        ]:
            left[0].unlink()
            self._found(tally, f"left {left[0].name} behind", value)

    def _found(self, tally: Tally, what: str, value: Any, message: str = "") -> None:
        tally.other += 1
        tally.findings.setdefault(what, (message, value))

    @contextlib.contextmanager
    def _limits(self) -> Iterator[None]:
        def ring(*_: Any) -> None:
            raise Hung(f"more than {MOST_SECONDS:g} s")

        signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, MOST_SECONDS)
        self._watching = True
        try:
            yield
        finally:
            self._watching = False
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        """An audit hook: hears every file that Python opens, and every name it changes."""
        if not self._watching or (event != "open" and event not in WRITES):
            return
        path = arguments[1] if event == "os.symlink" else arguments[0]
        if isinstance(path, int) or path is None or (event == "open" and not _writes(arguments[1], arguments[2])):
            return
        folder = arguments[-1] if event in {"os.remove", "os.rmdir", "os.mkdir"} else -1
        base = f"/proc/self/fd/{folder}" if isinstance(folder, int) and folder >= 0 else ""
        named = os.path.join(base, os.fsdecode(path))  # noqa: PTH118  (no Path: this must touch nothing)
        if event == "open":
            real = os.path.realpath(named)
        else:  # the name itself is changed, not what it may be a link to
            real = f"{os.path.realpath(os.path.dirname(named) or '.')}{os.sep}{os.path.basename(named)}"  # noqa: PTH119, PTH120
        if real != os.devnull and not real.startswith(f"{self.inside}{os.sep}"):
            self._touched.append(f"{event} {real}")

    def _listing(self) -> list[tuple[str, str]]:
        return [
            (str(path), hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "")
            for path in sorted(self.outside.rglob("*"))
        ]


def limit_memory() -> None:
    """From here on, memory that would be asked for without bound is refused."""
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + MOST_BYTES, resource.RLIM_INFINITY))


def _writes(mode: Any, flags: Any) -> bool:
    if isinstance(mode, str):
        return bool(set(mode) & set("wax+"))
    return bool(int(flags or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC))


def _of_message(message: str, place: str) -> str | None:
    if not message or "\n" in message or "\r" in message:
        return f"a refusal of {len(message.splitlines())} lines: {message[:200]!r}"
    if len(message) > LONGEST:
        return f"a refusal of {len(message)} letters: {message[:200]!r}"
    return None if re.search(place, message) else f"a refusal that names no place: {message[:200]!r}"
