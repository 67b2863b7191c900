"""Can the four buckets learn what is there, and leave alone what is not? One command, five seeds, pass or fail.

    python benchmarks/learnability.py            # all cases; about ten minutes on two idle cores
    python benchmarks/learnability.py --cases easy,hard --buckets Scalping --seeds 2

`leak`: the next fill's return is a column, no fee; the share of the perfect-foresight optimum on the test part.
`easy`, `hard`: planted markets (see planted.py), 0.1 % fee; the share of what a Kalman filter that knows the true
dynamics earns there with a tuned no-trade band. `walk`: a driftless random walk with costs; the share of bars spent
flat in use, and no report may claim an edge. Every bucket is trained from scratch with the default settings, no slippage.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, TypeVar

import numpy as np
import torch
from attrs import evolve, frozen
from planted import Kind, PlantedMarket, kalman_ceiling, planted_bars
from rich.console import Console
from rich.table import Table

from progressive_app.config.resolve import defaults
from progressive_buckets.learner.learner import MarketLearner
from progressive_buckets.learner.opening import learner_on
from progressive_market.bars import Bars
from progressive_market.split import Split
from progressive_training import BucketInfo, Edge, Evaluation, MarketBucket, Performance, Resources

Work = TypeVar("Work")
Done = TypeVar("Done")

BARS = 60_000
BUCKETS = ("Scalping", "Short", "Medium", "Long")
CASES = ("leak", "easy", "hard", "walk")
EPISODES = {"leak": 12}
"""Fewer than the default where what is to be learned is plain."""
KINDS: dict[str, Kind] = {"leak": "easy", "easy": "easy", "hard": "hard", "walk": "random_walk"}
TARGETS = {
    **{("leak", bucket): 0.90 for bucket in BUCKETS},
    **{("easy", bucket): share for bucket, share in zip(BUCKETS, (0.75, 0.72, 0.62, 0.52), strict=True)},
    ("hard", "Scalping"): 0.45,
    ("hard", "Short"): 0.40,
    ("walk", "Scalping"): 0.90,
    ("walk", "Short"): 0.90,
}


@frozen
class Task:
    """One training: which case, bucket and seed."""

    case: str
    bucket: str
    seed: int


@frozen
class Outcome:
    """What came of one: `share` reached (of the optimum, the ceiling, or the bars spent flat), ridge's beside it."""

    task: Task
    share: float
    ridge: float
    trades: int
    claims_edge: bool
    seconds: float


def market_of(task: Task) -> Bars:
    """The bars of a case, with the next fill's return as a column where it leaks."""
    bars = planted_bars(KINDS[task.case], BARS, task.seed).bars
    if task.case != "leak":
        return bars
    leak = np.zeros(len(bars))
    leak[:-2] = bars.open[2:] / bars.open[1:-1] - 1
    return evolve(bars, extra={**bars.extra, "leak": leak})


def trained(task: Task, bars: Bars) -> MarketLearner:
    """Train a bucket from scratch with the default settings, stopping early as the default policy does."""
    bucket = declared(task.bucket)
    settings = {**defaults(), "SLIPPAGE": 0.0, **({"FEE": 0.0} if task.case == "leak" else {})}
    if task.case in EPISODES:
        settings["EPISODES"] = EPISODES[task.case]
    learner = learner_on(bars, bucket, alone(bucket, task.seed, settings), all_resources(settings))
    train(learner)
    return learner


def alone(bucket: MarketBucket, seed: int, settings: Mapping[str, Any]) -> BucketInfo:
    """The bucket as the only one of its sequence."""
    return BucketInfo(
        name=bucket.name,
        horizons=bucket.horizons,
        sequence=(bucket.name,),
        episodes=settings["EPISODES"],
        seed=seed,
        run_dir=Path(),
        settings=settings,
    )


def all_resources(settings: Mapping[str, Any]) -> Resources:
    """All that the settings ask for, on the CPU."""
    return Resources(device="cpu", parallel_episodes=settings["PARALLEL_EPISODES"], batch_size=settings["BATCH_SIZE"])


def train(learner: MarketLearner) -> None:
    """Train until the planned number of episodes, or until none was better for PATIENCE, and return to the best."""
    for _ in range(learner.info.episodes):
        report = learner.run_episode()
        if report.episode - report.best_episode >= learner.info.settings["PATIENCE"]:
            break
    learner.keep_best()


def declared(name: str) -> MarketBucket:
    """The built-in bucket of that name."""
    from importlib import import_module

    bucket: MarketBucket = import_module(f"progressive_buckets.{name.lower()}").bucket
    return bucket


def measured(task: Task) -> Outcome:
    """Train and measure one."""
    torch.set_num_threads(1)
    start = perf_counter()
    learner = trained(task, market_of(task))
    evaluation = learner.evaluator.evaluate(learner.policy())
    seconds = perf_counter() - start
    own, ridge = evaluation.test[0], ridge_of(evaluation)
    if task.case == "walk":
        share, beside = own.flat if claims_edge(evaluation) else 1.0, ridge.flat
    else:
        best = optimum(task, learner)
        # Of a leak counts what was found, though no verdict believes it.
        counts = claims_edge(evaluation) or task.case == "leak"
        earned = own.log_return if counts else 0.0
        share, beside = earned / best, ridge.log_return / best
    trades = 0 if task.case == "walk" and not claims_edge(evaluation) else own.trades
    return Outcome(task, share, beside, trades, claims_edge(evaluation), seconds)


def optimum(task: Task, learner: MarketLearner) -> float:
    """The most that could be earned on the test part: with perfect foresight where it leaks, else by the filter."""
    part = learner.market.part(learner.split.test)
    if task.case == "leak":
        return float(learner.market.growth(part.returns.sign(), part).sum())
    return filter_earns(planted_bars(KINDS[task.case], BARS, task.seed), learner.split)


def filter_earns(market: PlantedMarket, split: Split) -> float:
    """Log return on test of the filter that knows the market's dynamics, its band tuned on validation."""
    ranges = {
        name: (bars.start, bars.stop - 2) for name, bars in (("validation", split.validation), ("test", split.test))
    }
    return kalman_ceiling(market, validation=ranges["validation"], test=ranges["test"], fee=0.001).log_return


def ridge_of(evaluation: Evaluation) -> Performance:
    """What ridge regression with a no-trade band did on the test part."""
    return next(row for row in evaluation.test if row.strategy.startswith("ridge"))


def claims_edge(evaluation: Evaluation) -> bool:
    """Whether a report would say that there is something to earn."""
    return evaluation.edge is Edge.CONFIRMED


def passes(outcomes: list[Outcome]) -> bool:
    """Whether the seeds of one case and bucket meet the target: their median, and on a walk every one of them."""
    task = outcomes[0].task
    counted = min if task.case == "walk" else median
    reached = counted(outcome.share for outcome in outcomes) >= TARGETS.get((task.case, task.bucket), 0.0)
    return reached and not (task.case == "walk" and any(outcome.claims_edge for outcome in outcomes))


def show(groups: Iterable[list[Outcome]], console: Console) -> None:
    """Print the table: one line for each case and bucket."""
    table = Table(title=f"Learnability: {BARS:,} bars, default settings, test part")
    for column in ("case", "bucket", "median", "worst seed", "ridge", "trades", "claims an edge", "s", "target", ""):
        table.add_column(column, justify="left" if column in ("case", "bucket") else "right")
    for outcomes in groups:
        task = outcomes[0].task
        target = TARGETS.get((task.case, task.bucket))
        table.add_row(
            task.case,
            task.bucket,
            f"{median(outcome.share for outcome in outcomes):.1%}",
            f"{min(outcome.share for outcome in outcomes):.1%}",
            f"{median(outcome.ridge for outcome in outcomes):.1%}",
            f"{median(outcome.trades for outcome in outcomes):.0f}",
            f"{sum(outcome.claims_edge for outcome in outcomes)} of {len(outcomes)}",
            f"{median(outcome.seconds for outcome in outcomes):.1f}",
            "" if target is None else f"{target:.0%}",
            "[green]pass[/]" if passes(outcomes) else "[red]FAIL[/]",
        )
    console.print(table)


def each(work: Callable[[Work], Done], tasks: Sequence[Work], processes: int) -> Iterator[Done]:
    """What `work` makes of the tasks, in their order, in so many processes; in this one where it is one."""
    if processes == 1:
        yield from map(work, tasks)
        return
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(work, tasks)


def main() -> int:
    """Train everything asked for, print the table, and answer 0 when every target is met."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--buckets", default=",".join(BUCKETS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=100, help="the learner was tuned on 0 to 4: these are fresh")
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
        task = outcome.task
        print(f"{task.case} {task.bucket} seed {task.seed}: {outcome.share:.1%}, ridge {outcome.ridge:.1%}", flush=True)
        groups.setdefault((task.case, task.bucket), []).append(outcome)
    show(groups.values(), Console(width=110))
    return 0 if all(passes(group) for group in groups.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
