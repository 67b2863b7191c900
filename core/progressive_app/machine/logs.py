"""Where log events go: warnings, and events with `show=True`, to the user as one plain line, everything to the run's `log.jsonl`.

Warnings go to stderr, and so do the others where the run has no progress callback for them.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

from progressive_app.json_values import json_values
from progressive_app.machine.durable_files import open_to_append
from progressive_app.machine.terminal import one_line
from progressive_app.machine.undoing import undone_after
from progressive_core.contract.errors import printable

_SHOWN_LEVELS = frozenset({"warning", "error", "critical", "exception"})
SHOW = "show"
"""The key of an event that the user of a run is to see though it is no warning."""
_HIDDEN_KEYS = frozenset({"event", "level", "timestamp", "exception", SHOW})


class _RunLog:
    """One run's log file, None outside of any run, its progress callback, and what its user was shown."""

    def __init__(self, path: Path | None, progress: Callable[[str], None] | None = None) -> None:
        self.path, self.progress = path, progress
        self.shown: set[str] = set()

    def write(self, event: EventDict) -> None:
        """Append to the file, opened for each line so that a crash loses none."""
        if self.path is None:
            return
        line = _in_json(json.dumps(json_values(event), default=str, ensure_ascii=False))
        try:
            with open_to_append(self.path) as file:
                file.write(line.encode() + b"\n")
                file.flush()  # here: an interrupt between this line and the end of the file would have it written later
        except OSError as error:  # a full disk must not end a training that could go on
            path, self.path = self.path, None
            _print_line(f"warning: {path}: logging stops: {error.strerror}")

    def report(self, event: EventDict) -> None:
        """Hand an event that is to be shown to the progress callback; each once a run: four buckets may read the same data."""
        if self.progress is not None and event.get(SHOW) and (text := _text(event)) not in self.shown:
            self.shown.add(text)
            self.progress(text)

    def print(self, method: str, event: EventDict) -> None:
        """Print a warning, or what no progress callback showed; each once a run, too."""
        text, level = _text(event), f"{event['level']}: " if method in _SHOWN_LEVELS else ""
        if (level or event.get(SHOW)) and text not in self.shown:
            self.shown.add(text)
            _print_line(level + text)


def _text(event: EventDict) -> str:
    details = ", ".join(f"{key}={value}" for key, value in event.items() if key not in _HIDDEN_KEYS)
    return printable(f"{event['event']}{f' ({details})' if details else ''}")


def _in_json(line: str) -> str:
    """A line of JSON with what cannot be printed escaped: letters stay, and codes of a terminal do not reach one."""
    return (
        line if line.isprintable() else "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in line)
    )


_OUTSIDE = _RunLog(None, progress=lambda _: None)
_current: ContextVar[_RunLog] = ContextVar("the current run's log", default=_OUTSIDE)
"""Of a context and not of the process: trainers in several threads each write to their own run's file."""


def _write(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    _current.get().write(event)
    _current.get().report(event)
    return event


def _show(logger: WrappedLogger, method: str, event: EventDict) -> Any:
    _current.get().print(method, event)
    raise structlog.DropEvent


_PROCESSORS = (
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
    _write,
    _show,
)


def configure_logging() -> None:
    """Configure structlog for a program of ours; warnings that were shown before may be shown again."""
    _current.get().shown.clear()
    structlog.configure(processors=list(_PROCESSORS), cache_logger_on_first_use=False)


class _Logger:
    """Takes a line with a method of structlog's loggers: `log.warning("what happened", bucket=name)`."""

    def __getattr__(self, level: str) -> Any:
        own = structlog.get_logger(_NAME)
        return getattr(own if structlog.is_configured() else structlog.wrap_logger(None, _PROCESSORS), level)


_NAME = "progressive_training"
_LOGGER = _Logger()


def get_logger() -> Any:
    """A logger for a module of this package or of a plugin, to be called as those of structlog: `log.info("done", bars=12)`.

    Its lines go where structlog is configured to write, and in a run to the run's `log.jsonl` as well. In a program that has not
    configured structlog, warnings are printed to stderr and everything else is dropped: a library is silent unless asked.
    """
    return _LOGGER


class _Configuration:
    """structlog's configuration while a trainer is at work, and the application's before and after it."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # an interrupt that left it taken leaves it to the same thread
        self._users: set[object] = set()
        self._restore: Callable[[], None] | None = None

    def install(self, user: object) -> None:
        with self._lock:
            self._users.add(user)
            before = structlog.get_config()
            if not structlog.is_configured():
                self._restore = structlog.reset_defaults
                configure_logging()
            elif _write not in before["processors"]:
                self._restore = partial(structlog.configure, **before)
                structlog.configure(processors=[structlog.processors.add_log_level, _write, *before["processors"]])

    def remove(self, user: object) -> None:
        with self._lock:
            self._users.discard(user)
            if not self._users and self._restore is not None:
                if _write in structlog.get_config()["processors"]:  # else the application has configured it meanwhile
                    self._restore()
                self._restore = None


_configuration = _Configuration()


@contextmanager
def logging_configured() -> Iterator[None]:
    """Within it, warnings are printed and a run's events written to its file; then structlog is as the application had it.

    An application's own configuration is kept, and the file written beside it. Of trainers in several threads the first one
    configures structlog and the last one puts it back.
    """
    user = object()
    with undone_after(partial(_configuration.remove, user)):
        _configuration.install(user)
        yield


@contextmanager
def log_to(
    path: Path | None, shown: Iterable[str] = (), progress: Callable[[str], None] | None = None
) -> Iterator[None]:
    """Within it, write all events of this context to `path` too, as JSON lines.

    :param shown: what is not shown again. :param progress: gets what is to be shown and is no warning; None: it is printed.
    """
    with logging_configured(), undone_after(partial(_current.set, _current.get())):
        _current.set(_RunLog(path, progress))
        mark_as_shown(shown)
        yield


def current_log() -> tuple[Path | None, frozenset[str]]:
    """The file that the events of this context are written to, and what was shown of them."""
    run = _current.get()
    return run.path, frozenset(run.shown)


def has_progress() -> bool:
    """Whether this context has a progress callback."""
    return _current.get().progress is not None


def mark_as_shown(texts: Iterable[str]) -> None:
    """Do not show these again in this context."""
    _current.get().shown.update(texts)


def _print_line(text: str) -> None:
    """Print to the current stderr, which a live console replaces; one that cannot be written to must not end a run."""
    with suppress(OSError):
        print(f"progressive-training: {one_line(text)}", file=sys.stderr, flush=True)
