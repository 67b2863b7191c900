"""What the rows of several buckets' evaluations are compared by: model, had it traded, and each baseline."""

from __future__ import annotations

from collections.abc import Sequence

from progressive_training import BucketResult, Performance, PerformanceKind

MODEL = "model"
HAD_IT_TRADED = "had it traded"


def compared(results: Sequence[BucketResult]) -> list[str]:
    """Return what buckets are compared by: their models first, then each baseline but flat, which is always 0.

    A model that abstains has a row of its own for what it would have done. It is one label for all buckets, and stands
    beside the models.
    """
    rows = [row for result in results for row in result.evaluation.test]
    untraded = any(row.kind is PerformanceKind.UNTRADED for row in rows)
    baselines = dict.fromkeys(row.strategy for row in rows if row.kind is PerformanceKind.BASELINE)
    return [MODEL, *([HAD_IT_TRADED] if untraded else []), *baselines]


def row_of(rows: Sequence[Performance], label: str) -> Performance | None:
    """Return the row that stands under a label of `compared`, or None where there is none."""
    return next((row for row in rows if _label(row) == label), None)


def _label(row: Performance) -> str:
    named = {PerformanceKind.MODEL: MODEL, PerformanceKind.UNTRADED: HAD_IT_TRADED}
    return named.get(row.kind, row.strategy)
