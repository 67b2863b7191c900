"""What the rows of several buckets' evaluations are compared by: model and each baseline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from progressive_app.presentation.verdicts import judged
from progressive_core.contract.evaluation import Evaluation, Performance, PerformanceKind

MODEL = "model"


class Judged(Protocol):
    """A finished bucket, whose `evaluation` is None until it is judged: a `BucketResult`, or what a trainer's `results` hold."""

    @property
    def evaluation(self) -> Evaluation | None:
        """How it did."""


def compared(results: Sequence[Judged]) -> list[str]:
    """Return what buckets are compared by: what their models did, then each baseline but flat, which is always 0."""
    rows = [row for result in results for row in judged(result.evaluation).test]
    baselines = dict.fromkeys(row.strategy for row in rows if row.kind is PerformanceKind.BASELINE)
    return [MODEL, *baselines]


def row_of(rows: Sequence[Performance], label: str) -> Performance | None:
    """Return the row that stands under a label of `compared`, or None where there is none."""
    return next((row for row in rows if _label(row) == label), None)


def _label(row: Performance) -> str:
    return MODEL if row.kind is PerformanceKind.MODEL else row.strategy
