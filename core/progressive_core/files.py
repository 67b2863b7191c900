"""Writing that a crash cannot tear: whole files by rename, lines by append."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import attrs


def atomic_write(path: Path, content: bytes) -> None:
    """Replace `path` by `content`: after a crash at any point it holds the old bytes or the new ones."""
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    _sync_directory(path.parent)


def write_json(path: Path, value: Any) -> None:
    """Write one JSON document for people to read, atomically."""
    atomic_write(path, (json.dumps(plain(value), indent=2, allow_nan=False) + "\n").encode())


def write_json_line(path: Path, value: Any) -> None:
    """Write one JSON document on one line, atomically: json is an order of magnitude faster without indentation."""
    atomic_write(path, (json.dumps(plain(value), allow_nan=False) + "\n").encode())


def append_json_line(path: Path, value: Any) -> None:
    """Append one line of JSON; `truncate` removes it again where the run goes back behind it."""
    with path.open("ab") as file:
        file.write((json.dumps(plain(value), allow_nan=False) + "\n").encode())


def truncate(path: Path, length: int) -> None:
    """Cut a file of lines back to `length` bytes; an absent one stays absent."""
    if path.exists() and path.stat().st_size > length:
        os.truncate(path, length)


def plain(value: Any) -> Any:
    """`value` as JSON can hold it: records as objects, paths as text, numbers that are not finite as null."""
    if isinstance(value, str | int | None):  # most values, and the cheapest question
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if attrs.has(type(value)):
        return {field.name: plain(getattr(value, field.name)) for field in attrs.fields(type(value))}
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "items"):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def _sync_directory(directory: Path) -> None:
    """Make a rename durable, where the platform can."""
    if os.name == "posix":
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
