"""The honesty table: each measure before and now, its target, and whether it is met."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from honesty_measures import (
    Measure,
    Results,
    caught,
    false_alarms,
    found,
    hard_start,
    noise_kept,
    of_ridge,
    taught_gain,
    thin_growth,
    walk_claims,
    walk_spread,
    weak_found,
)
from honesty_pieces import THIN
from honesty_runs import Result
from rich.console import Console
from rich.table import Table

MEASURES = (
    Measure("walks", "claims on driftless walks, buckets of chains", "3 of 480", "5 of 42 chains", walk_claims),
    Measure("walks", "noise teacher kept, taught buckets", "at most 12 %", "34 %", noise_kept),
    Measure(
        "walks", "edge t, taught minus scratch", "within ±0.15", "+0.33; kept +0.72", taught_gain("validation_t", 0.15)
    ),
    Measure("walks", "test t, taught minus scratch", "", "kept +0.11 ± 0.28", taught_gain("test_t")),
    Measure("walks", "pooled t, taught minus scratch", "", "", taught_gain("pooled_t")),
    Measure("walks", "pooled t on walks: mean, deviation, largest", "", "deviation 1.0 to 1.1", walk_spread),
    Measure("real_hour", "claims on real 1 h, no fee", "6 of 12", "0 of 12", found("real_hour", 0.5)),
    Measure("real_minute", "claims on thin real 1 m, no fee", "4 of 4", "4 of 4", found("real_minute", 1.0, THIN)),
    Measure("real_minute", "test log return on thin real 1 m, no fee", "at least 3.2", "2.3 to 2.9", thin_growth),
    Measure("real_minute", "claims on recent real 1 m, no fee", "", "", found("real_minute", None, "1 m")),
    Measure("planted_minute", "planted 1 m: test result of ridge's", "90 %", "0 %", of_ridge),
    Measure("planted_minute", "planted 1 m: claims", "7 of 8", "0 of 8", found("planted_minute", 7 / 8)),
    Measure("weak", "weak planted edges found", "1.2 times the old rule", "16 of 52", weak_found),
    Measure("hard", "hard chain: early score, taught over scratch", "at least 1.5", "1.7", hard_start),
    Measure("leaks", "leaks on real 1 h", "all", "6 of 14 kinds", caught("1 h")),
    Measure("leaks", "leaks on real 5 m", "all", "", caught("5 m")),
    Measure("leaks", "leaks on real 1 m", "all", "", caught("1 m")),
    Measure("alarms", "false alarms on what is honest", "0", "0", false_alarms),
)
ELSEWHERE = (
    "Learnability, teachers made to harm and the transfer study have commands of their own: "
    "python benchmarks/learnability.py, python benchmarks/transfer.py"
)


def show(measures: Sequence[Measure], now: Sequence[Result], before: Sequence[Result], console: Console) -> bool:
    """Print the table of what was run; whether every target is met."""
    current, earlier = by_piece(now), by_piece(before)
    table = Table(title="Honesty: what is claimed, found and doubted")
    for column in ("measure", "before", "target", "reached", ""):
        table.add_column(column)
    met = True
    for measure in measures:
        if measure.piece not in current:
            continue
        reached = measure.reached(current)
        study = f"({measure.study})" if measure.study else ""
        past = measure.reached(earlier).words if measure.piece in earlier else study
        mark = "" if reached.met is None else "[green]met[/]" if reached.met else "[red]NOT MET[/]"
        table.add_row(measure.name, past, measure.target, reached.words, mark)
        met = met and reached.met is not False
    console.print(table)
    for name, results in current.items():
        seconds = sum(result.seconds for result in results) / 60
        console.print(f"{name}: {len(results)} tasks, {seconds:.0f} CPU-minutes", highlight=False)
    console.print(ELSEWHERE, highlight=False)
    return met


def by_piece(results: Sequence[Result]) -> Results:
    """Results by the name of their piece."""
    ordered = sorted(results, key=lambda result: str(result.task["piece"]))
    return {piece: list(some) for piece, some in groupby(ordered, key=lambda result: str(result.task["piece"]))}
