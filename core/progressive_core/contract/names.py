"""Names that become file names: what a bucket or a plugin may be called, wherever the name comes from."""

from __future__ import annotations

import re
from typing import Any

MOST_LETTERS = 64
NAME_RULE = f"letters, digits, - and _ such as 'Swing', {MOST_LETTERS} at most"
"""In words, to follow 'expected'."""
_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_-]{{0,{MOST_LETTERS - 1}}}", re.ASCII)
_RESERVED = re.compile(r"con|prn|aux|nul|com[0-9]|lpt[0-9]", re.IGNORECASE)
"""Devices, not files, on Windows."""


def is_name(value: Any) -> bool:
    """Whether `value` may name a directory of a run: it is text that leads nowhere else, on any file system."""
    return isinstance(value, str) and bool(_NAME.fullmatch(value)) and not _RESERVED.fullmatch(value)


def object_name(plugin: object) -> str:
    """The name of an object of this process: its `name`, or that of its class or module."""
    try:
        name: object = getattr(plugin, "name", None)
    except Exception:  # noqa: BLE001  (a property of a stranger's)
        name = None
    if isinstance(name, str) and is_name(name):
        return name
    return str(getattr(plugin, "__name__", type(plugin).__name__)).rpartition(".")[2]
