"""Our docstrings as griffe reads them: one field a line, brackets that are shapes and no links, and a list of a record's fields."""

from __future__ import annotations

import re
from typing import Any

import griffe

FIELD = re.compile(r"\s+(?=:(?:param [\w, ]+|return|raise \w+):)")
SEVERAL = re.compile(r"^:param ((?:\w+, )+\w+):(.*)$", re.MULTILINE)
ATTRS_DEFAULT = re.compile(r"\b(default|factory)=(\(\)|[\w.]+)")
CODE = re.compile(r"(`[^`]*`)")


class OurDocstrings(griffe.Extension):
    """Rewrites each docstring when it is read, and lists the fields of records, which are explained in its sentences."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring:
            obj.docstring.value = readable(obj.docstring.value)

    def on_class_members(self, *, cls: griffe.Class, **_: Any) -> None:
        fields = [each for each in cls.attributes.values() if each.annotation is not None and each.is_public]
        lines = [f":ivar {each.name}: {default_of(each)}" for each in fields if not each.docstring]
        if cls.docstring and lines:
            cls.docstring.value = "\n".join([cls.docstring.value, "", *lines])


def default_of(attribute: griffe.Attribute) -> str:
    """What a field is where nothing is given; empty where it must be given."""
    value = "" if attribute.value is None else str(attribute.value)
    if "field(" in value:
        found = ATTRS_DEFAULT.search(value)
        value = "" if found is None else f"{found[2]}()" if found[1] == "factory" else found[2]
    return value and f"by default `{value}`"


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
