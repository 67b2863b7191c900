"""The kinds of value that the core's settings hold: each names what it allows, and checks what came from outside.

They are named tuples, as is `Setting`: --help lists settings, and to import attrs takes as long as all else that it needs.
"""

from __future__ import annotations

import operator
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
LONGEST_NAME = 200
"""Letters. No bucket, plugin or column is called anything near it, and an error repeats names in full."""


class Refused(Exception):
    """The value is not of this kind. The caller, who knows the key and where the value came from, writes the message.

    Its text, if any, is more specific than `Kind.allowed`.
    """


class Kind(Protocol[T_co]):
    """What a setting may hold."""

    @property
    def allowed(self) -> str:
        """What is allowed, to follow the word 'expected'."""

    def check(self, value: Any) -> T_co:
        """Return the value as the program uses it.

        :raise Refused: it is not allowed.
        """

    def schema(self) -> dict[str, Any]:
        """The same as JSON Schema."""


class Switch(NamedTuple):
    """true or false."""

    allowed: str = "true or false"

    def check(self, value: Any) -> bool:
        """Only the two themselves: 1, 0 and "true" are more often a mistake than a wish."""
        if not isinstance(value, bool):
            raise Refused
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


class Whole(NamedTuple):
    """A whole number in a closed range."""

    low: int
    high: int

    @property
    def allowed(self) -> str:
        return f"a whole number from {self.low} to {self.high}"

    def check(self, value: Any) -> int:
        """Accept whatever counts as an integer, a NumPy one too, but no bool and no float."""
        if isinstance(value, bool):
            raise Refused
        try:
            number = operator.index(value)
        except TypeError:
            raise Refused from None
        if not self.low <= number <= self.high:
            raise Refused
        return number

    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


class HorizonRange(NamedTuple):
    """The shortest and the longest prediction horizon, in bars."""

    end: Whole = Whole(1, 100_000)

    @property
    def allowed(self) -> str:
        return f"[shortest, longest] in bars, each {self.end.allowed}, shortest first"

    def check(self, value: Any) -> tuple[int, int]:
        """Both ends may be the same."""
        if not isinstance(value, list | tuple) or len(value) != 2:
            raise Refused
        low, high = self.end.check(value[0]), self.end.check(value[1])
        if low > high:
            raise Refused
        return low, high

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": self.end.schema(), "minItems": 2, "maxItems": 2}


class OrNull(NamedTuple, Generic[T]):
    """A kind, or null for `null_means`."""

    kind: Kind[T]
    null_means: str

    @property
    def allowed(self) -> str:
        return f"{self.kind.allowed}, or null for {self.null_means}"

    def check(self, value: Any) -> T | None:
        """None stays None."""
        return None if value is None else self.kind.check(value)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [self.kind.schema(), {"type": "null"}]}
