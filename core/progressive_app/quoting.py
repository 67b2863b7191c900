"""A wrong value as an error line repeats it: on one line, and short."""

from __future__ import annotations

from typing import Any

SHOWN = 60  # characters


def show(value: Any) -> str:
    """A value as the user may have written it, on one line and short."""
    import json

    try:
        text = json.dumps(value, ensure_ascii=False)
    except (
        TypeError,
        ValueError,
        RecursionError,
    ):  # no JSON: a Python caller's object, or an integer too long to print
        try:
            text = repr(value)
        except (ValueError, RecursionError):
            text = f"a huge {type(value).__name__}"
    return shortened(text)


def shortened(text: str) -> str:
    """`text` on one line, cut where it is long."""
    text = " ".join(text.split())
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."
