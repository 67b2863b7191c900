"""Records as every JSON output and frame holds them: profits and scores in per cent, shares with names that say so.

The files of a run (`state.json`, `metrics.jsonl`, `ledger.jsonl`) hold log returns, which add up. Here they become what people
read: a profit, a score, or a difference of two, in per cent of the equity.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from progressive_app.json_values import json_values
from progressive_core.contract.evaluation import Evaluation, Performance
from progressive_core.contract.profit import percent
from progressive_core.contract.records import BucketResult


class PerformanceValues(TypedDict):
    """A `Performance`: `profit` in per cent of the first equity, `alpha_percent_a_year` likewise, shares from 0 to 1."""

    strategy: str
    kind: str
    profit: float
    sharpe: float
    sharpe_error: float
    drawdown_share: float
    turnover: float
    trades: int
    long_share: float
    flat_share: float
    short_share: float
    t: float
    alpha_percent_a_year: float
    alpha_t: float
    beta: float


def performance_values(row: Performance) -> PerformanceValues:
    """One row of a table of performance; numbers that nobody measured are NaN."""
    return PerformanceValues(
        strategy=row.strategy,
        kind=row.kind.value,
        profit=row.profit,
        sharpe=row.sharpe,
        sharpe_error=row.sharpe_error,
        drawdown_share=row.drawdown,
        turnover=row.turnover,
        trades=row.trades,
        long_share=row.long,
        flat_share=row.flat,
        short_share=row.short,
        t=row.t,
        alpha_percent_a_year=percent(row.alpha),
        alpha_t=row.alpha_t,
        beta=row.beta,
    )


def result_values(result: BucketResult) -> dict[str, Any]:
    """A finished bucket: the fields of `BucketResult`, its `best_score` in per cent."""
    return {
        **in_percent(result, "best_score"),
        "evaluation": None if result.evaluation is None else evaluation_values(result.evaluation),
        "transfers": [transfer_values(entry) for entry in result.transfers],
    }


def episode_values(episode: Any) -> dict[str, Any]:
    """An `EpisodeReport`, or a line of `metrics.jsonl`, with its scores in per cent."""
    values = in_percent(episode, "score", "best_score", "start_score")
    return {**values, "transfers": [transfer_values(entry) for entry in values.get("transfers", ())]}


def transfer_values(entry: Any) -> dict[str, Any]:
    """A `LedgerEntry`, or a line of `ledger.jsonl`, with the scores before and after it in per cent, and those of the proof."""
    values = in_percent(entry, "before", "after")
    proof = values.get("proof")
    return {**values, "proof": proof and in_percent(proof, "before", "after", "error")}


def in_percent(record: Any, *keys: str) -> dict[str, Any]:
    """The JSON values of `record`, those under `keys`, which are log returns or None, in per cent."""
    values: Mapping[str, Any] = json_values(record)
    return {key: percent(value) if key in keys and value is not None else value for key, value in values.items()}


def evaluation_values(evaluation: Evaluation) -> dict[str, Any]:
    """An `Evaluation`, with its rows as `performance_values`; those of each regime likewise."""
    rows = {part: [performance_values(row) for row in getattr(evaluation, part)] for part in ("validation", "test")}
    regimes = [evaluation_values(each) for each in evaluation.regimes]
    return {**json_values(evaluation), **json_values(rows), "regimes": regimes}
