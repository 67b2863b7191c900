"""Records as JSON values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

_PLAIN = frozenset({str, int, bool, type(None)})


def json_values(value: Any) -> Any:
    """`value` as JSON can hold it: records as objects, paths as text, numbers that are not finite as null."""
    if type(value) in _PLAIN:  # most values, and the cheapest question
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): json_values(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_values(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if attrs.has(type(value)):
        return {field.name: json_values(getattr(value, field.name)) for field in attrs.fields(type(value))}
    return value
