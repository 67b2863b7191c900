"""What came of a trial."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from attrs import field, frozen


@frozen(kw_only=True)
class Trial:
    """One trial of a search, counted from 0, which is that of the settings as they are (the incumbent).

    `values` are those of the settings that vary, all of them. `score` is what its models earn on the half of validation that chooses, the
    sum over its folds, as log return; `steps` are the best of the scores that training sees so far after each episode (without what is
    chosen at its end, as contextual memory is), one fold after the other: a fold begins with the sum of those before it. One that was
    "pruned" ended early, since it lagged behind those of earlier batches, and its score is its last step.
    """

    number: int
    values: Mapping[str, Any]
    status: Literal["finished", "pruned"]
    score: float
    steps: tuple[float, ...] = field(repr=False)

    @property
    def episodes(self) -> int:
        """How many were trained."""
        return len(self.steps)
