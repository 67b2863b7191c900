"""Reads a configuration file; what its values mean is for `resolve`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from progressive_app.quoting import show
from progressive_core.contract.errors import ConfigError

MOST_BYTES = 16 << 20
"""Of a configuration: a thousand times what one has."""
NOT_SETTINGS = ("//", "$schema")
"""How keys begin that are comments, or meant for an editor."""


def read_file(file: Path) -> dict[str, Any]:
    """The settings written in a JSON file, unchecked; keys that start with // are comments.

    :raise ConfigError: the file cannot be read, is not a JSON object, or names a key twice.
    """
    try:
        with file.open("rb") as opened:
            text = opened.read(MOST_BYTES + 1)
        if len(text) > MOST_BYTES:
            raise ConfigError(f"more than {MOST_BYTES:,} bytes, which no configuration has")
        content = json.loads(text.decode("utf-8-sig"), object_pairs_hook=_without_duplicates)
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from None
    except OSError as error:
        linked = os.path.islink(file)  # noqa: PTH114  (unlike Path.is_symlink, it raises nothing over a long name)
        link = f" (it is a link to {file.readlink()})" if linked else ""
        raise ConfigError(f"{file}: the configuration cannot be read: {error.strerror}{link}") from None
    except json.JSONDecodeError as error:
        raise ConfigError(f"{file}, line {error.lineno}, column {error.colno}: not JSON: {error.msg}") from None
    except (ValueError, RecursionError) as error:  # bytes that are no text, integers of thousands of digits, deep nests
        raise ConfigError(f"{file}: not a readable JSON file: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise ConfigError(f'{file}: expected an object of settings like {{"SEED": 1}}, got {show(content)}')
    return {key: value for key, value in content.items() if not key.startswith(NOT_SETTINGS)}


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found and not key.startswith("//"):
            raise ConfigError(f"{show(key)} is there twice, as {show(found[key])} and as {show(value)}; keep one")
        found[key] = value
    return found
