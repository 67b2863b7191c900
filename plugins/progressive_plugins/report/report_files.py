"""Writing the files of a report, so that neither a reader nor the run can come to harm."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

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


def replace(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old one or the new one, never a part.

    The core has its own for what must outlive a power cut. A plugin sees the public face only, and a report can be
    made again.
    """
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)  # a link would be written through
    partial.write_bytes(content)
    partial.replace(path)
