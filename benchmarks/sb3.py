"""Do algorithms of stable-baselines3 learn as buckets what a built-in learns? One table, on planted markets.

    python benchmarks/sb3.py --rows rows.jsonl     # easy, hard and walk; three seeds; goes on where it was cut
    python benchmarks/sb3.py --cases easy --buckets PPO,Medium --seeds 1

`easy`, `hard`: planted markets (see planted.py), 0.1 % fee; what a bucket earns on the test part as a share of what a Kalman filter
earns there that knows the true dynamics, whether or not the verdict believes it. `walk`: a driftless random walk; no report may claim an edge. Every bucket is
trained from scratch with the default settings, without slippage, on the same bars; Medium is ours.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

import torch
from attrs import frozen
from learnability import (
    BARS,
    KINDS,
    Task,
    all_resources,
    claims_edge,
    declared,
    each,
    filter_earns,
    ridge_of,
    train,
)
from planted import planted_bars
from rich.console import Console
from rich.table import Table
from row_file import missing, rows_of, write
from walk_forward_training import table_of

from progressive_app.config.resolve import defaults
from progressive_training import BucketInfo, MarketBucket
from progressive_training.sb3 import SB3Bucket

ALGORITHMS = ("PPO", "A2C", "DQN")
HORIZONS = (24, 48, 96, 288)
"""Medium's."""


@frozen
class Row:
    """What came of one training, its `share` and ridge's of the ceiling (walk: log return)."""

    task: Task
    share: float
    ridge: float
    trades: int
    flat: float
    claims_edge: bool
    seconds: float


def bucket_of(name: str) -> SB3Bucket | MarketBucket:
    """An algorithm as a bucket, or the built-in of that name."""
    return SB3Bucket(name=name, horizons=HORIZONS, algo=name) if name in ALGORITHMS else declared(name)


def measured(task: Task) -> Row:
    """Train and measure one."""
    torch.set_num_threads(1)
    start, planted, bucket = process_time(), planted_bars(KINDS[task.case], BARS, task.seed), bucket_of(task.bucket)
    with TemporaryDirectory() as directory:
        file = Path(directory) / "bars.parquet"
        table_of(planted.bars).to_parquet(file)
        settings = {**defaults(), "DATA": str(file), "SLIPPAGE": 0.0}
        info = BucketInfo(
            name=bucket.name,
            horizons=bucket.horizons,
            sequence=(bucket.name,),
            episodes=settings["EPISODES"],
            seed=task.seed,
            run_dir=Path(directory),
            settings=settings,
        )
        learner: Any = bucket.open(info, all_resources(settings))  # of either kind
    train(learner)
    evaluation = learner.evaluator.evaluate(learner.policy())
    own, ridge = evaluation.test[0], ridge_of(evaluation)
    best = 1.0 if task.case == "walk" else filter_earns(planted, learner.split)
    seconds = process_time() - start
    return Row(
        task,
        own.log_return / best,
        ridge.log_return / best,
        own.trades,
        own.flat,
        claims_edge(evaluation),
        seconds,
    )


def kept(file: Path, task: Task) -> Row:
    """Measure one and write its row at once, so that a cut loses no other."""
    row = measured(task)
    write(file, row)
    return row


def show(rows: Sequence[Row]) -> None:
    """Print the table: one line for each case and bucket."""
    table = Table(title=f"Of the Kalman ceiling on the test part: {BARS:,} bars, default settings (walk: log return)")
    for column in ("case", "bucket", "median", "worst seed", "ridge", "trades", "flat", "claims an edge", "CPU s"):
        table.add_column(column, justify="left" if column in ("case", "bucket") else "right")
    for case, bucket in dict.fromkeys((row.task.case, row.task.bucket) for row in rows):
        group = [row for row in rows if (row.task.case, row.task.bucket) == (case, bucket)]
        table.add_row(
            case,
            bucket,
            f"{median(row.share for row in group):.1%}",
            f"{min(row.share for row in group):.1%}",
            f"{median(row.ridge for row in group):.1%}",
            f"{median(row.trades for row in group):.0f}",
            f"{median(row.flat for row in group):.0%}",
            f"{sum(row.claims_edge for row in group)} of {len(group)}",
            f"{median(row.seconds for row in group):.0f}",
        )
    Console(width=110).print(table)


def main() -> int:
    """Train everything asked for that has no row yet and print the table; 1 where a report claims an edge on a walk."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rows", type=Path, required=True, help="the file of what was measured, which is added to")
    parser.add_argument("--cases", default="easy,hard,walk")
    parser.add_argument("--buckets", default=",".join((*ALGORITHMS, "Medium")))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=100)
    parser.add_argument("--processes", type=int, default=2)
    asked = parser.parse_args()
    tasks = [
        Task(case, bucket, seed)
        for seed in range(asked.first_seed, asked.first_seed + asked.seeds)
        for case in asked.cases.split(",")
        for bucket in asked.buckets.split(",")
    ]
    for row in each(partial(kept, asked.rows), missing(tasks, rows_of(asked.rows, Row, Task)), asked.processes):
        print(f"{row.task.case} {row.task.bucket} seed {row.task.seed}: {row.share:.1%}", flush=True)
    rows = sorted(rows_of(asked.rows, Row, Task), key=lambda row: (row.task.case, row.task.bucket, row.task.seed))
    show(rows)
    return int(any(row.claims_edge for row in rows if row.task.case == "walk"))


if __name__ == "__main__":
    sys.exit(main())
