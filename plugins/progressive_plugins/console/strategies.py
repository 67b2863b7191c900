"""Whose performance a row of an evaluation is: the model's, what it would have done, or a baseline's."""

from __future__ import annotations

from collections.abc import Sequence

from progressive_training import BucketResult, Evaluation, Performance

MODEL = "model"
HAD_IT_TRADED = "had it traded"
FLAT = "flat"


def compared(results: Sequence[BucketResult]) -> list[str]:
    """Return what buckets are compared by: their models first, then each baseline but flat, which is always 0.

    A model that abstains has a row of its own for what it would have done ("Short, had it traded"). It is one kind
    for all buckets, whatever each calls it, and stands beside the models.
    """
    kinds = dict.fromkeys(_kind(row) for result in results for row in result.evaluation.test[1:])
    baselines = [kind for kind in kinds if kind not in (HAD_IT_TRADED, FLAT)]
    return [MODEL, *([HAD_IT_TRADED] if HAD_IT_TRADED in kinds else []), *baselines]


def row_of(rows: Sequence[Performance], kind: str) -> Performance | None:
    """Return the row of one kind, or None where there is none."""
    if kind == MODEL:
        return rows[0] if rows else None
    return next((row for row in rows[1:] if _kind(row) == kind), None)


def is_confirmed(evaluation: Evaluation) -> bool:
    """Tell whether the verdict speaks of an edge that test confirmed; only the bucket knows what it takes."""
    return "confirmed" in evaluation.verdict and "not confirmed" not in evaluation.verdict


def _kind(row: Performance) -> str:
    return HAD_IT_TRADED if row.strategy.endswith(HAD_IT_TRADED) else row.strategy
