"""Where log events go: warnings to stderr as one plain line, everything to the run's `log.jsonl`."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

from progressive_app.machine.terminal import one_line
from progressive_core.contract.plain import plain

_TOLD = frozenset({"warning", "error", "critical", "exception"})  # the levels a user must see
_UNTOLD_KEYS = frozenset({"event", "level", "timestamp", "exception"})


class _RunLog:
    """One run's file of events, None outside of any run, and the warnings that its user was told."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.told: set[str] = set()

    def write(self, event: EventDict) -> None:
        """Append to the file, opened for each line so that nothing is held back by a crash."""
        if self.path is None:
            return
        line = json.dumps(plain(event), default=str, ensure_ascii=False)
        try:
            with self.path.open("ab") as file:
                file.write(line.encode("utf-8", "backslashreplace") + b"\n")
        except OSError as error:  # a full disk must not end a training that could go on
            path, self.path = self.path, None
            _print_line("warning", f"{path}: logging stops: {error.strerror}")

    def tell(self, method: str, event: EventDict) -> None:
        """Show warnings to the user, each once a run: four buckets have the same to say about the same data."""
        details = ", ".join(f"{key}={value}" for key, value in event.items() if key not in _UNTOLD_KEYS)
        text = f"{event['event']}{f' ({details})' if details else ''}"
        if method in _TOLD and text not in self.told:
            self.told.add(text)
            _print_line(event["level"], text)


_OUTSIDE = _RunLog(None)
_current: ContextVar[_RunLog] = ContextVar("the current run's log", default=_OUTSIDE)
"""Of a context and not of the process, so that trainers in several threads each write to their own run's file."""
_setting_up = threading.Lock()


def _write(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    _current.get().write(event)
    return event


def _tell(logger: WrappedLogger, method: str, event: EventDict) -> Any:
    _current.get().tell(method, event)
    raise structlog.DropEvent


def configure_logging() -> None:
    """Set structlog up for the command line; what was told before may be told again."""
    _current.get().told.clear()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _write,
            _tell,
        ],
        cache_logger_on_first_use=False,
    )


@contextmanager
def log_to(path: Path | None, told: Iterable[str] = ()) -> Iterator[None]:
    """Within it, write all events of this context to `path` too, as JSON lines; the user knows the warnings in `told`.

    An application that has set structlog up in its own way keeps that, and the file is written beside it.
    """
    with _setting_up:
        if not structlog.is_configured():
            configure_logging()
        elif _write not in (processors := structlog.get_config()["processors"]):
            structlog.configure(processors=[structlog.processors.add_log_level, _write, *processors])
    before = _current.set(_RunLog(path))
    tell_no_more(told)
    try:
        yield
    finally:
        _current.reset(before)


def current_log() -> tuple[Path | None, frozenset[str]]:
    """Where the events of this context are written to, and the warnings that its user was told."""
    run = _current.get()
    return run.path, frozenset(run.told)


def tell_no_more(told: Iterable[str]) -> None:
    """Take these warnings of this context to be known to the user."""
    _current.get().told.update(told)


def _print_line(level: str, text: str) -> None:
    """Look stderr up anew each time: a live console puts its own in place. One that takes nothing, as on a full disk,
    must not end a run."""
    with suppress(OSError):
        print(f"progressive-training: {level}: {one_line(text)}", file=sys.stderr, flush=True)
