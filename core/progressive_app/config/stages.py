"""A sequence and its stages: buckets that train one after the other, and those that train at the same time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from progressive_app.config.common_kinds import Names
from progressive_core.contract.kinds import Refused

Stages = tuple[str | tuple[str, ...], ...]
"""A sequence as SEQUENCE holds it: a name is a bucket that trains alone, a tuple holds buckets that train at the same time."""
_NAMES = Names("bucket names", at_least=1)
_BETWEEN = re.compile(r",(?![^()]*\))")
"""A comma that no bracket encloses."""


class BucketStages(NamedTuple):
    """Distinct buckets in order; those that train at the same time are in a list of their own."""

    allowed: str = (
        "a list of distinct bucket names, those that train at the same time in a list of their own, one or more"
    )

    def check(self, value: Any) -> Stages:
        """Keep a stage of one bucket as that bucket. Whether such buckets exist is for the registry to check."""
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise Refused
        stages = [tuple(each) if isinstance(each, list | tuple) else each for each in value]
        if () in stages:
            raise Refused(f"number {stages.index(()) + 1} is a list without buckets")
        if not all(isinstance(each, str | tuple) for each in stages):
            raise Refused
        _NAMES.check(flat(stages))
        return tuple(each[0] if isinstance(each, tuple) and len(each) == 1 else each for each in stages)

    def schema(self) -> dict[str, Any]:
        names = _NAMES.schema()
        return {**names, "items": {"anyOf": [names["items"], names]}}


def flat(stages: Iterable[str | Sequence[str]]) -> tuple[str, ...]:
    """All buckets of a sequence, in the order in which they are written."""
    return tuple(name for stage in stages for name in ((stage,) if isinstance(stage, str) else stage))


def stages_of(sequence: Stages) -> tuple[tuple[str, ...], ...]:
    """The stages of a sequence, each with its buckets."""
    return tuple((stage,) if isinstance(stage, str) else stage for stage in sequence)


def stages_text(sequence: Stages) -> str:
    """A sequence as people read it, and as --sequence takes it: "Scalping, (Short, Medium, Long)"."""
    return ", ".join(stage if isinstance(stage, str) else f"({', '.join(stage)})" for stage in sequence)


def split_stages(text: str) -> str | list[str | list[str]]:
    """The sequence that a text like `A, (B, C)` means; the text itself where its brackets do not match."""
    parts = [part.strip() for part in _BETWEEN.split(text)] if text.strip() else []
    stages = [_names(part[1:-1]) if part.startswith("(") and part.endswith(")") else part for part in parts]
    return text if any(bracket in name for name in flat(stages) for bracket in "()") else stages


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")] if text.strip() else []
