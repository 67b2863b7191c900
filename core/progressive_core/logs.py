"""Where log events go: warnings to stderr as one plain line, everything to the run's `log.jsonl`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

from progressive_core.files import plain
from progressive_core.terminal import one_line

_TOLD = frozenset({"warning", "error", "critical", "exception"})  # the levels a user must see
_UNTOLD_KEYS = frozenset({"event", "level", "timestamp", "exception"})


class _LogFile:
    """The file of the run in progress, opened for each line so that nothing is held back by a crash."""

    def __init__(self) -> None:
        self.path: Path | None = None

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        if self.path is not None:
            line = json.dumps(plain(event), default=str, ensure_ascii=False)
            try:
                with self.path.open("ab") as file:
                    file.write(line.encode("utf-8", "backslashreplace") + b"\n")
            except OSError as error:  # a full disk must not end a training that could go on
                path, self.path = self.path, None
                _print_line("warning", f"{path}: logging stops: {error.strerror}")
        return event


class _Teller:
    """Shows warnings to the user, each once a run: four buckets have the same to say about the same data."""

    def __init__(self) -> None:
        self.told: set[str] = set()

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> Any:
        details = ", ".join(f"{key}={value}" for key, value in event.items() if key not in _UNTOLD_KEYS)
        text = f"{event['event']}{f' ({details})' if details else ''}"
        if method in _TOLD and text not in self.told:
            self.told.add(text)
            _print_line(event["level"], text)
        raise structlog.DropEvent


_log_file = _LogFile()
_teller = _Teller()


def configure_logging() -> None:
    """Set structlog up for the command line; what was told before may be told again."""
    _teller.told.clear()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _log_file,
            _teller,
        ],
        cache_logger_on_first_use=False,
    )


@contextmanager
def log_to(path: Path) -> Iterator[None]:
    """Within it, write all events to `path` too, as JSON lines.

    An application that has set structlog up in its own way keeps that, and the file is written beside it.
    """
    if not structlog.is_configured():
        configure_logging()
    elif _log_file not in (processors := structlog.get_config()["processors"]):
        structlog.configure(processors=[structlog.processors.add_log_level, _log_file, *processors])
    before, _log_file.path = _log_file.path, path
    _teller.told.clear()
    try:
        yield
    finally:
        _log_file.path = before


def _print_line(level: str, text: str) -> None:
    """Look stderr up anew each time: a live console puts its own in place."""
    print(f"progressive-training: {level}: {one_line(text)}", file=sys.stderr, flush=True)
