"""Measurement cache: a transfer needs measurements of the same weights several times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

Measurement = TypeVar("Measurement")
KEPT = 2
"""States that are kept: the learner's own, and that of a source which is tried in its place."""


class MeasurementCache(Generic[Measurement]):
    """Results of a measurement for the `KEPT` states that were used last; an equal state is not measured again."""

    def __init__(self) -> None:
        self._known: list[tuple[Tensor, Measurement]] = []

    def get(self, state: Tensor, measure: Callable[[], Measurement]) -> Measurement:
        """The result for `state`: from the cache, else by `measure`."""
        for place, (known, result) in enumerate(self._known):
            if torch.equal(known, state):
                self._known.append(self._known.pop(place))
                return result
        return self.put(state, measure())

    def put(self, state: Tensor, result: Measurement) -> Measurement:
        """Keep the result for `state`, which is new: to ask whether it is known would wait for the device."""
        self._known = [*self._known[1 - KEPT :], (state, result)]
        return result
