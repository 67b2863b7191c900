"""Our docstrings as griffe reads them: one field a line, and brackets that are shapes, not links."""

from __future__ import annotations

import re
from typing import Any

import griffe

FIELD = re.compile(r"\s+(?=:(?:param [\w, ]+|return|raise \w+):)")
SEVERAL = re.compile(r"^:param ((?:\w+, )+\w+):(.*)$", re.MULTILINE)
CODE = re.compile(r"(`[^`]*`)")


class OneFieldALine(griffe.Extension):
    """Rewrites each docstring when it is read."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring:
            obj.docstring.value = readable(obj.docstring.value)


def readable(text: str) -> str:
    """`text` with each `:param:`, `:return:` and `:raise:` on a line of its own, one for each name, and `[N]` as it stands."""
    summary, *fields = FIELD.split(text if text.startswith(":") else f"{text}\n")
    lines = [summary.rstrip(), *(" ".join(field.split()) for field in fields)]
    if fields:
        lines.insert(1, "")
    separate = "\n".join(lines).strip()
    separate = SEVERAL.sub(
        lambda found: "\n".join(f":param {name}:{found[2]}" for name in found[1].split(", ")), separate
    )
    return "".join(part if part.startswith("`") else part.replace("[", r"\[") for part in CODE.split(separate))
