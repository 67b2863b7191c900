"""JSON documents, with a checksum where a run rests on them, and files of JSON lines; errors are one line."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from progressive_app.json_values import json_values
from progressive_app.store.validated import InvalidValue, validated
from progressive_core.contract.errors import RunError

SHA256 = "sha256"
"""The key of a document's checksum. A document without it is taken as it is: another program wrote it."""

MOST_BYTES = 16 << 20
"""Of a JSON document of a run: a thousand times what one has."""


def line_with_checksum(document: Any) -> bytes:
    """`document` as JSON on one line, the checksum of its text last."""
    text = json.dumps(json_values(document), allow_nan=False)
    return f'{text[:-1]}, "{SHA256}": "{_of(text)}"}}\n'.encode()


def is_whole(document: Mapping[str, Any]) -> bool:
    """Whether a document that was read is the one that its checksum was made of; True where it has none."""
    values = dict(document)
    checksum = values.pop(SHA256, None)
    return checksum is None or checksum == _of(json.dumps(values))


def _of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def read_json(path: Path) -> dict[str, Any]:
    """A file that holds one JSON object.

    :raise RunError: it is missing, or holds something else.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise RunError(f"{path}: {path.stat().st_size:,} bytes, and a run's document has {MOST_BYTES:,} at most")
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise RunError(f"{path}: missing; this run cannot be read") from None
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path}: not valid JSON ({error})") from error
    if not isinstance(value, dict):
        raise RunError(f"{path}: not a JSON object")
    return value


def read_json_lines(path: Path, kind: type) -> list[dict[str, Any]]:
    """The lines of a run's metrics or ledger; none where nothing was written. A torn last line is left out, and so is all
    from where a power cut left zeros: no commit counts it.

    :param kind: the record whose fields every line must hold.
    :raise RunError: one does not.
    """
    try:
        lines = path.read_bytes().split(b"\n")  # nothing else parts lines: a text may hold what `splitlines` splits at
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror})") from error
    if not lines[-1]:
        del lines[-1]
    found = []
    for number, line in enumerate(lines, 1):
        if b"\0" in line:
            break
        try:
            found.append(json.loads(line))
        except (ValueError, RecursionError) as error:
            if number < len(lines):
                raise RunError(f"{path}, line {number}: not valid JSON ({error})") from error
            break
        try:
            validated(found[-1], kind)
        except InvalidValue as error:
            raise RunError(f"{path}, line {number}: damaged ({error})") from None
    return found
