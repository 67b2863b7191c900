"""Is as much learned whichever way the gradient steps are made? Paired over seeds on planted markets.

    python benchmarks/steps.py --rows steps.jsonl     # 20 seeds; started again, it goes on where it was cut
    python benchmarks/steps.py --rows steps.jsonl --ways "torch's step" --cases easy --buckets Medium --seeds 3

Every way trains Scalping and Medium on the same bars of `easy` and `hard` (see planted.py; 0.1 % fee, no slippage) with the same seed,
its default settings but for what the way changes. A training counts for its points: what it earns on the test part, in percent of what a
Kalman filter earns there that knows the true dynamics, whether or not the verdict believes it. A difference is a way's points less those
of the default, its mean over the cells of a seed, then the mean over seeds and its standard error. It is `equal` where the mean less two
standard errors is above -2 points, and is not judged below ten seeds. CPU time is a ratio to the default's: of all trainings together, in
which a way pays for stopping later, and of an episode (median of the pairs).
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import fmean, median, stdev
from time import thread_time
from typing import Any
from unittest.mock import patch

import torch
from attrs import field, frozen
from learnability import all_resources, alone, declared, each, filter_earns, train
from planted import Kind, planted_bars
from rich.console import Console
from rich.table import Table
from row_file import missing, rows_of, write

from progressive_app.config.resolve import defaults
from progressive_app.machine.compiled_library import PASSES
from progressive_buckets.learner import critic
from progressive_buckets.learner.fused import compiled
from progressive_buckets.learner.learner import MarketLearner
from progressive_buckets.learner.opening import hyper_for, learner_on

BARS = 60_000
CASES: dict[str, Kind] = {"easy": "easy", "hard": "hard"}
MARGIN = 2.0
"""Points below the default that still count as equal; chosen before anything was measured."""
FEWEST = 10
"""Seeds; with fewer, two standard errors hold much less than the 95 % that they are taken for."""


@frozen
class Way:
    """How steps are made: `settings` beside the defaults, `reuse` of a round's targets (passes over them), `passes` of torch or compiled."""

    settings: Mapping[str, Any] = field(factory=dict)
    reuse: int = critic.PASSES
    passes: str = "compiled"


DEFAULT = "compiled, fp32, 512 x 20"
LARGE = {"BATCH_SIZE": 1_024, "UPDATES_PER_EPISODE": 10, "LEARNING_RATE": 0.0014}
"""Half the steps on twice the bars, each 1.4 times as long."""
WAYS: dict[str, Way] = {
    DEFAULT: Way({"PRECISION": "fp32"}),
    "torch's step": Way({"PRECISION": "fp32"}, passes="torch"),
    "1,024 x 10": Way({"PRECISION": "fp32", **LARGE}),
    "1,024 x 10, tracking 0.1": Way({"PRECISION": "fp32", **LARGE, "TRACKING": 0.1}),
    "4 passes": Way({"PRECISION": "fp32"}, reuse=4),
    "bf16": Way({"PRECISION": "bf16"}),
    "bf16, 1,024 x 10": Way({"PRECISION": "bf16", **LARGE}),
}


@frozen
class Task:
    """One training."""

    case: str
    bucket: str
    seed: int
    way: str


@frozen
class Row:
    """What came of one: `points` on test, `episodes` made, and CPU seconds of the training, without opening and measuring."""

    task: Task
    points: float
    episodes: int
    seconds: float


@contextmanager
def stepping(way: Way) -> Iterator[None]:
    """Steps are made in this way inside."""
    with patch.dict(os.environ, {PASSES: way.passes}), patch.object(critic, "PASSES", way.reuse):
        compiled.library.cache_clear()
        try:
            yield
        finally:
            compiled.library.cache_clear()


def measured(tasks: Sequence[Task], bars: int, quick: Mapping[str, Any]) -> Iterator[Row]:
    """Train and measure some ways on one market, which is opened once."""
    torch.set_num_threads(1)
    case, name, seed = tasks[0].case, tasks[0].bucket, tasks[0].seed
    planted, bucket = planted_bars(CASES[case], bars, seed), declared(name)
    shared = {**defaults(), "SLIPPAGE": 0.0, **quick}
    base = learner_on(planted.bars, bucket, alone(bucket, seed, shared), all_resources(shared))
    ceiling = filter_earns(planted, base.split)
    part = base.market.part(base.split.test)
    for task in tasks:
        way = WAYS[task.way]
        settings = {**shared, **way.settings, **quick}
        info, resources = alone(bucket, seed, settings), all_resources(settings)
        hyper = hyper_for(bucket, info.settings)
        learner = MarketLearner(info, resources, base.market, base.split, hyper, bucket.exploration)
        with stepping(way):
            start = thread_time()
            train(learner)
            seconds = thread_time() - start
            earned = float(learner.evaluator.growth(learner.policy(), part).sum())
        yield Row(task, 100 * earned / ceiling, learner.progress.episode, seconds)


def kept(file: Path, bars: int, quick: Mapping[str, Any], tasks: Sequence[Task]) -> list[Row]:
    """Measure the ways of one market, and write each row at once, so that a cut loses no other."""
    rows = []
    for row in measured(tasks, bars, quick):
        write(file, row)
        rows.append(row)
    return rows


def pairs(rows: Sequence[Row], way: str) -> list[tuple[Row, Row]]:
    """The rows of a way, each beside the default's on the same market with the same seed; those alone are left out."""
    base = {_cell(row): row for row in rows if row.task.way == DEFAULT}
    return [(row, base[_cell(row)]) for row in rows if row.task.way == way and _cell(row) in base]


def _cell(row: Row) -> tuple[str, str, int]:
    return row.task.case, row.task.bucket, row.task.seed


def difference(together: Sequence[tuple[Row, Row]]) -> tuple[float, float]:
    """Mean over seeds of a way's points less the default's, and its standard error (infinite of one seed). The cells of a seed share
    bars, so they count as one."""
    by_seed: dict[int, list[float]] = {}
    for row, beside in together:
        by_seed.setdefault(row.task.seed, []).append(row.points - beside.points)
    means = [fmean(each_cell) for each_cell in by_seed.values()]
    error = stdev(means) / len(means) ** 0.5 if len(means) > 1 else float("inf")
    return fmean(means), error


def judged(mean: float, error: float, seeds: int) -> str:
    """Whether as much is learned, in a word."""
    if seeds < FEWEST:
        return "few seeds"
    if mean - 2 * error > -MARGIN:
        return "better" if mean - 2 * error > 0 else "equal"
    return "less" if mean + 2 * error < 0 else "open"


def shown(rows: Sequence[Row], console: Console) -> None:
    """Print the table: one line for each way over all cells, then one for each of its cells."""
    table = Table(title=f"Points of the filter's profit on test: {BARS:,} bars, paired with {DEFAULT}")
    for column in ("way", "cell", "seeds", "points", "difference", "", "CPU of trainings", "of an episode"):
        table.add_column(column, justify="left" if column in ("way", "cell", "") else "right")
    for way in dict.fromkeys(row.task.way for row in rows):
        together = pairs(rows, way)
        cells = dict.fromkeys((row.task.case, row.task.bucket) for row, _ in together)
        for cell in (None, *cells):
            own = [pair for pair in together if cell in (None, (pair[0].task.case, pair[0].task.bucket))]
            if not own:
                continue
            (mean, error), seeds = difference(own), len({row.task.seed for row, _ in own})
            table.add_row(
                way if cell is None else "",
                "all" if cell is None else " ".join(cell),
                str(seeds),
                f"{fmean(row.points for row, _ in own):.1f}",
                "" if way == DEFAULT else f"{mean:+.2f} ± {error:.2f}",
                "" if way == DEFAULT or cell is not None else judged(mean, error, seeds),
                f"{sum(row.seconds for row, _ in own) / sum(beside.seconds for _, beside in own):.2f}",
                f"{median(of_episode(row) / of_episode(beside) for row, beside in own):.2f}",
            )
    console.print(table)


def of_episode(row: Row) -> float:
    """CPU seconds of one of its episodes."""
    return row.seconds / row.episodes


def main(arguments: Sequence[str] | None = None) -> int:
    """Train everything asked for that has no row yet, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rows", type=Path, required=True, help="the file of what was measured, which is added to")
    parser.add_argument("--ways", default=";".join(WAYS), help="separated by semicolons; the default is always there")
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--buckets", default="Scalping,Medium")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=300, help="the learner was tuned on 0 to 4: these are fresh")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--bars", type=int, default=BARS)
    parser.add_argument("--episodes", type=int, default=defaults()["EPISODES"])
    asked = parser.parse_args(arguments)
    ways = asked.ways.split(";")
    if unknown := [way for way in ways if way not in WAYS]:
        parser.error(f"unknown way {unknown[0]}; known are {'; '.join(WAYS)}")
    wanted = [way for way in WAYS if way in (DEFAULT, *ways)]
    markets = [
        [Task(case, bucket, seed, way) for way in wanted[seed % len(wanted) :] + wanted[: seed % len(wanted)]]
        for seed in range(asked.first_seed, asked.first_seed + asked.seeds)
        for case in asked.cases.split(",")
        for bucket in asked.buckets.split(",")
    ]
    known = rows_of(asked.rows, Row, Task)
    open_ones = [left for tasks in markets if (left := missing(tasks, known))]
    work: Callable[[Sequence[Task]], list[Row]] = partial(kept, asked.rows, asked.bars, {"EPISODES": asked.episodes})
    for rows in each(work, open_ones, asked.processes):
        task = rows[0].task
        told = "; ".join(f"{row.task.way} {row.points:.1f} in {row.seconds:.1f} s" for row in rows)
        print(f"{task.case} {task.bucket} seed {task.seed}: {told}", flush=True)
    rows = rows_of(asked.rows, Row, Task)
    shown(sorted(rows, key=lambda row: list(WAYS).index(row.task.way)), Console(width=130))
    return 0


if __name__ == "__main__":
    sys.exit(main())
