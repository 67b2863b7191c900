"""What was last made of parts of a market: the same ones are asked about again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from progressive_training.market import Part

T = TypeVar("T")


class RecentParts(Generic[T]):
    """What was made of the last `kept` parts. Parts are known by being the same object."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._known: list[tuple[Part, T]] = []

    def get(self, part: Part, make: Callable[[Part], T]) -> T:
        """What `make` gives for `part`, made once while it is known."""
        for known, made in self._known:
            if known is part:
                return made
        value = make(part)
        self._known = [*self._known[1 - self._kept :], (part, value)]
        return value
