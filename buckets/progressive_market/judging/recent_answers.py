"""What was last computed of positions: a transfer asks for the same ones again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

T = TypeVar("T")
KEPT = 6
"""Answers that are kept: a few for the learner's own policy, and for that of a source which is tried in its place."""


class RecentAnswers:
    """The `KEPT` answers that were asked for last. Positions are known by being the same tensor, not by equal values: a policy
    that makes new ones each time is computed each time."""

    def __init__(self) -> None:
        self._known: list[tuple[str, Tensor, Any]] = []

    def get(self, what: str, held: Tensor, compute: Callable[[], T]) -> T:
        """The answer to `what` of the positions `held`."""
        for place, (asked, known, answer) in enumerate(self._known):
            if asked == what and known is held:
                self._known.append(self._known.pop(place))
                found: T = answer
                return found
        made = compute()
        self._known = [*self._known[1 - KEPT :], (what, held, made)]
        return made
