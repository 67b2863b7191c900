"""Do algorithms of stable-baselines3 learn as buckets what a built-in learns? One table, on planted markets.

    python benchmarks/sb3.py                       # easy, hard and walk; three seeds
    python benchmarks/sb3.py --cases easy --buckets PPO,Medium --seeds 1

`easy`, `hard`: planted markets (see planted.py), 0.1 % fee; what a bucket earns on the test part as a share of what a Kalman filter
earns there that knows the true dynamics, whether or not the verdict believes it. `walk`: a driftless random walk; no report may claim an edge. Every bucket is
trained from scratch with the default settings, without slippage, on the same bars; Medium is ours.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

import torch
from learnability import (
    BARS,
    KINDS,
    Outcome,
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
from walk_forward_training import table_of

from progressive_app.config.resolve import defaults
from progressive_training import BucketInfo, MarketBucket
from progressive_training.sb3 import SB3Bucket

ALGORITHMS = ("PPO", "A2C", "DQN")
HORIZONS = (24, 48, 96, 288)
"""Medium's."""


def bucket_of(name: str) -> SB3Bucket | MarketBucket:
    """An algorithm as a bucket, or the built-in of that name."""
    return SB3Bucket(name=name, horizons=HORIZONS, algo=name) if name in ALGORITHMS else declared(name)


def measured(task: Task) -> Outcome:
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
    return Outcome(task, own.log_return / best, ridge.log_return / best, own.trades, claims_edge(evaluation), seconds)


def main() -> int:
    """Train everything asked for and print the table; 1 where a report claims an edge on a walk."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--cases", default="easy,hard,walk")
    parser.add_argument("--buckets", default=",".join((*ALGORITHMS, "Medium")))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=100)
    parser.add_argument("--processes", type=int, default=2)
    asked = parser.parse_args()
    tasks = [
        Task(case, bucket, seed)
        for case in asked.cases.split(",")
        for bucket in asked.buckets.split(",")
        for seed in range(asked.first_seed, asked.first_seed + asked.seeds)
    ]
    groups: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in each(measured, tasks, asked.processes):
        print(f"{outcome.task.case} {outcome.task.bucket} seed {outcome.task.seed}: {outcome.share:.1%}", flush=True)
        groups.setdefault((outcome.task.case, outcome.task.bucket), []).append(outcome)
    table = Table(title=f"Of the Kalman ceiling on the test part: {BARS:,} bars, default settings (walk: log return)")
    for column in ("case", "bucket", "median", "worst seed", "ridge", "trades", "claims an edge", "CPU s"):
        table.add_column(column, justify="left" if column in ("case", "bucket") else "right")
    for (case, bucket), outcomes in groups.items():
        table.add_row(
            case,
            bucket,
            f"{median(outcome.share for outcome in outcomes):.1%}",
            f"{min(outcome.share for outcome in outcomes):.1%}",
            f"{median(outcome.ridge for outcome in outcomes):.1%}",
            f"{median(outcome.trades for outcome in outcomes):.0f}",
            f"{sum(outcome.claims_edge for outcome in outcomes)} of {len(outcomes)}",
            f"{median(outcome.seconds for outcome in outcomes):.0f}",
        )
    Console(width=110).print(table)
    false = any(outcome.claims_edge for (case, _), group in groups.items() for outcome in group if case == "walk")
    return int(false)


if __name__ == "__main__":
    sys.exit(main())
