"""Writing the files of a report, so that the run cannot come to harm, and reading those that commands have left in the run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from progressive_training import InvalidValue, get_logger

MOST_BYTES = 16 << 20
"""Of a document of a run."""
T = TypeVar("T")
log = get_logger()


def attempt(name: str, write: Callable[[], None]) -> None:
    """Call `write`; where it fails, warn in one line that the file of this name could not be written."""
    try:
        write()
    except Exception as failure:
        reason = f"{type(failure).__name__}: {failure}"
        log.warning("the report could not be written; the run and its models are whole", file=name, reason=reason)
        log.debug("the report could not be written", file=name, exc_info=True)


def readable(read: Callable[[], T | None], command: str) -> T | None:
    """What `read` finds in a file that a command wrote; None where it is damaged, which is logged: the run itself is whole."""
    try:
        return read()
    except (InvalidValue, OSError) as error:
        message = f"the report leaves out what `{command}` found, which can be run again: {error}"
        log.warning(message)
        return None


def read_found(file: Path) -> dict[str, Any] | None:
    """The JSON object that a command wrote to `file`; None where there is none, or more than a document of a run may have.

    :raise InvalidValue: it is not JSON, or no object.
    """
    if not file.is_file() or file.stat().st_size > MOST_BYTES:
        return None
    try:
        document = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise InvalidValue(f"{file} is not JSON ({error})") from error
    if not isinstance(document, dict):
        raise InvalidValue(f"{file} is no JSON object")
    return document
