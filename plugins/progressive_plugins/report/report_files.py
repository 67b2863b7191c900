"""Writing the files of a report, so that the run cannot come to harm."""

from __future__ import annotations

from collections.abc import Callable

import structlog

log = structlog.get_logger("progressive_training")


def attempt(name: str, write: Callable[[], None]) -> None:
    """Call `write`; where it fails, warn in one line that the file of this name could not be written."""
    try:
        write()
    except Exception as failure:
        reason = f"{type(failure).__name__}: {failure}"
        log.warning("the report could not be written; the run and its models are whole", file=name, reason=reason)
        log.debug("the report could not be written", file=name, exc_info=True)
