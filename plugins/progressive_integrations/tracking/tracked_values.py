"""What trackers show of a run: numbers by name, and texts in Markdown."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import asdict

from progressive_training import BucketResult, LedgerEntry, Settings
from progressive_training.presentation import episode_values, performance_values, transfer_values

SHOWN = ("score", "best_score", "loss", "exploration", "trades", "transitions", "seconds", "memory_used")
"""Of an episode: scores in per cent, seconds, bytes."""


def scalars_of(episode: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of an episode, and what its naturalistic parts counted (`traces/...`); what nobody measured is left out."""
    values = episode_values({name: episode[name] for name in SHOWN if name in episode})
    found = {name: values[name] for name in SHOWN if _is_number(values.get(name))}
    return {**found, **dict(_counted("traces", episode.get("traces")))}


def start_of(episode: Mapping[str, Any]) -> float | None:
    """The score in per cent before any training, which the first episode has."""
    start = episode.get("start_score")
    return episode_values({"start_score": start})["start_score"] if _is_number(start) else None


def transfers_text(episode: Mapping[str, Any] | BucketResult) -> str:
    """The transfers since the episode before, or since the last one, as a table; empty where there were none."""
    head = ("strategy", "source", "target", "phase", "verdict", "before", "after", "reason")
    given = episode.transfers if isinstance(episode, BucketResult) else episode.get("transfers", ())
    fields = [asdict(entry) if isinstance(entry, LedgerEntry) else entry for entry in given]
    entries = [transfer_values({name: entry[name] for name in head}) for entry in fields]
    return markdown_table(head, [[entry[name] for name in head] for entry in entries])


def performance_text(result: BucketResult) -> str:
    """The model beside its baselines on validation and test; empty before the verdict."""
    judged = result.evaluation
    rows = (
        []
        if judged is None
        else [("validation", row) for row in judged.validation] + [("test", row) for row in judged.test]
    )
    head = ("profit", "sharpe", "drawdown_share", "turnover", "trades", "t", "alpha_t")
    body = [[part, row.strategy, *(dict(performance_values(row))[name] for name in head)] for part, row in rows]
    return markdown_table(("part", "strategy", *head), body)


def verdict_text(result: BucketResult) -> str:
    """The verdict in words, where the model trades, and what a user must know."""
    judged = result.evaluation
    if judged is None:
        return ""
    return "\n\n".join([f"**{judged.verdict}**", f"trades {judged.trades}", *judged.warnings])


def final_scalars(result: BucketResult) -> dict[str, float]:
    """What a finished bucket came to, by which runs are compared: scores and profits in per cent."""
    found: dict[str, float] = {"final/best_score": episode_values({"best_score": result.best_score})["best_score"]}
    if judged := result.evaluation:
        found["final/t"] = judged.t
        for part, rows in (("validation", judged.validation), ("test", judged.test)):
            if rows:
                found[f"final/{part}_profit"] = rows[0].profit
    return {name: value for name, value in found.items() if _is_number(value)}


def settings_of(settings: Settings) -> dict[str, bool | float | str]:
    """The settings by key: numbers and switches as they are, all else as JSON."""
    return {
        key: value if isinstance(value, bool | int | float | str) else json.dumps(value, default=str)
        for key, value in settings.items()
    }


def changed_settings(settings: Settings) -> set[str]:
    """The settings that are not the default."""
    return {
        key for key, value in settings.items() if key in settings.declared and value != settings.declared[key].default
    }


def settings_text(settings: Settings) -> str:
    """The settings as a table, those first that are not the default."""
    own = [(key, value, settings.declared[key].default) for key, value in settings.items() if key in settings.declared]
    changed = changed_settings(settings)
    own.sort(key=lambda row: row[0] not in changed)
    return markdown_table(("setting", "value", "default"), own)


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table in Markdown; empty without rows."""
    lines = [head, ["---"] * len(head), *([_cell(value) for value in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) if rows else ""


def _cell(value: Any) -> str:
    if value is None or value != value:
        return ""
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return " ".join(text.replace("|", "\\|").split())


def _counted(name: str, value: Any) -> Iterator[tuple[str, float]]:
    if isinstance(value, dict):  # as JSON has it; an abstract class would take ten times as long
        for key, inner in value.items():
            yield from _counted(f"{name}/{key}", inner)
    elif _is_number(value):
        yield name, float(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
