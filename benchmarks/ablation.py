"""Which part of the learner is worth what? One command, one table: each part changed alone, beside the default.

    python benchmarks/ablation.py                     # all variants, 5 seeds; some 20 minutes on two idle cores
    python benchmarks/ablation.py --variants "no dropout,2 members" --seeds 3
    python benchmarks/ablation.py --quick             # does it run: a minute, numbers without meaning

`easy` and `hard` are planted markets (see planted.py): points of the share that the policy earns on test of what a
Kalman filter with the true dynamics earns. `BTC` are real bars of 1 h: points of log return on validation and on test.
All after costs, the policy's own trades whether or not it would trade in use, trained from scratch for 24 episodes at most.

A cell is the median over seeds of the difference to the default with the same seed, and its spread (half the range
between the quartiles). The mark asks of the mean over all planted cells, and of that over BTC's test cells, whether the
paired t over seeds passes the two-sided 5 % level; of 20 marks that say `helps` or `hurts`, one is luck where nothing
does anything. Time is the processor's in training, relative to the default's on the same task.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, median, quantiles, stdev
from time import perf_counter, thread_time
from typing import Any

import torch
from ablation_parts import DEFAULT, Ground, Variant, variants
from attrs import frozen
from learnability import all_resources, alone, declared, each, filter_earns, train
from planted import Kind, PlantedMarket, planted_bars
from rich.console import Console
from rich.table import Table

from progressive_app.config.resolve import defaults
from progressive_buckets.learner.learner import MarketLearner
from progressive_buckets.learner.opening import learner_on
from progressive_market.bars import Bars, configured_bars

BARS = 60_000
SHORT: dict[str, Any] = {"EPISODES": 24, "PATIENCE": 8}
"""Less training than the default's 40 and 12, so that all of it takes some 20 minutes."""
QUICK: dict[str, Any] = {"EPISODES": 2, "UPDATES_PER_EPISODE": 2, "EPISODE_BARS": 32, "PARALLEL_EPISODES": 8}
QUICK_BARS = 6_000
PLANTED: dict[str, Kind] = {"easy": "easy", "hard": "hard"}
REAL = "BTC"
REAL_BARS = Path(__file__).resolve().parents[1] / "../shared/data/binance_btcusdt_1h.parquet"
STUDENT = (math.inf, 12.7, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26)
"""The t that 5 % of samples exceed either way, by degrees of freedom."""


@frozen
class Task:
    """One market and bucket on which every variant is trained."""

    case: str
    bucket: str
    seed: int
    names: tuple[str, ...]
    quick: bool


@frozen
class Score:
    """`points` that a variant reached on one part of one market, and the seconds its training took."""

    variant: str
    case: str
    bucket: str
    part: str
    seed: int
    points: float
    seconds: float


def measured(task: Task) -> list[Score]:
    """Train every variant on the task, and tell of each as it is done."""
    torch.set_num_threads(1)
    bucket = declared(task.bucket)
    settings = {**defaults(), **SHORT, **({} if task.case == REAL else {"SLIPPAGE": 0.0})}
    settings |= QUICK if task.quick else {}
    info, resources = alone(bucket, task.seed, settings), all_resources(settings)
    market = market_of(task)
    bars = market.bars if isinstance(market, PlantedMarket) else market
    base = learner_on(bars, bucket, info, resources)
    ground = Ground(info, resources, base.market, base.split, base.critic.hyper, bucket.exploration)
    scores: list[Score] = []
    for variant in chosen(task.names):
        learner = variant.learner(ground)
        start = thread_time()
        train(learner)
        seconds = thread_time() - start
        reached = points_of(learner, market)
        told = ", ".join(f"{part} {points:.1f}" for part, points in reached.items())
        print(f"{task.case} {task.bucket} seed {task.seed}: {variant.name}: {told} in {seconds:.1f} s", flush=True)
        scores += [
            Score(variant.name, task.case, task.bucket, part, task.seed, points, seconds)
            for part, points in reached.items()
        ]
    return scores


def market_of(task: Task) -> PlantedMarket | Bars:
    """The market of a task: planted by its seed, or the real bars, the same for every seed."""
    if task.case == REAL:
        return configured_bars({**defaults(), "DATA": REAL_BARS})
    return planted_bars(PLANTED[task.case], QUICK_BARS if task.quick else BARS, task.seed)


def points_of(learner: MarketLearner, market: PlantedMarket | Bars) -> dict[str, float]:
    """Points by part of the split."""
    earned = {
        name: float(learner.evaluator.growth(learner.policy(), part).sum())
        for name, part in (
            ("validation", learner.evaluator.validation),
            ("test", learner.market.part(learner.split.test)),
        )
    }
    if isinstance(market, PlantedMarket):
        return {"test": 100 * earned["test"] / filter_earns(market, learner.split)}
    return {name: 100 * value for name, value in earned.items()}


def chosen(names: Sequence[str]) -> list[Variant]:
    """The variants of those names; the default always, and first."""
    return [variant for variant in variants() if variant.name in (DEFAULT, *names)]


@frozen
class Difference:
    """Points more than the default with the same seed, by column (case, bucket, part) and seed; time ratios."""

    points: dict[tuple[str, str, str], dict[int, float]]
    ratios: list[float]


def difference(scores: Sequence[Score], variant: str) -> Difference:
    """One variant against the default, paired by seed."""
    base = {(s.case, s.bucket, s.part, s.seed): s for s in scores if s.variant == DEFAULT}
    points: dict[tuple[str, str, str], dict[int, float]] = {}
    ratios = []
    for score in scores:
        beside = base[score.case, score.bucket, score.part, score.seed]
        if score.variant == variant:
            column = points.setdefault((score.case, score.bucket, score.part), {})
            column[score.seed] = score.points - beside.points
            ratios.append(score.seconds / beside.seconds)
    return Difference(points, ratios)


def mark(columns: Sequence[dict[int, float]]) -> str:
    """Whether the mean over `columns` differs from zero over the seeds."""
    if not columns:
        return ""
    by_seed = [mean(column[seed] for column in columns) for seed in columns[0]]
    if len(by_seed) < 2:
        return "one seed"
    deviation = stdev(by_seed)
    needed = STUDENT[min(len(by_seed) - 1, len(STUDENT) - 1)]
    if deviation == 0 or abs(mean(by_seed)) / (deviation / math.sqrt(len(by_seed))) < needed:
        return "neutral"
    return "[green]helps[/]" if mean(by_seed) > 0 else "[red]hurts[/]"


def show(scores: Sequence[Score], console: Console) -> None:
    """Print the table: the default's own median, then what each variant changes."""
    columns = list(dict.fromkeys((s.case, s.bucket, s.part) for s in scores))
    seeds = sorted({s.seed for s in scores})
    table = Table(
        title=f"What each part is worth: difference to the default in points, seeds {seeds[0]} to {seeds[-1]}"
    )
    table.add_column("variant")
    for case, bucket, part in columns:
        table.add_column(f"{case}\n{bucket}\n{part}", justify="right", no_wrap=True)
    for heading in ("planted", REAL, "time"):
        table.add_column(heading, justify="right", no_wrap=True)
    own = [[s.points for s in scores if s.variant == DEFAULT and (s.case, s.bucket, s.part) == c] for c in columns]
    table.add_row(DEFAULT, *(spread(values, signed=False) for values in own), "", "", "1.00", end_section=True)
    for name in dict.fromkeys(s.variant for s in scores if s.variant != DEFAULT):
        found = difference(scores, name)
        planted = [points for (case, _, _), points in found.points.items() if case != REAL]
        real = [points for (case, _, part), points in found.points.items() if case == REAL and part == "test"]
        cells = (spread(list(found.points[column].values())) for column in columns)
        table.add_row(name, *cells, mark(planted), mark(real), f"{median(found.ratios):.2f}")
    console.print(table)


def spread(values: list[float], signed: bool = True) -> str:
    """The median, and half the range between the quartiles."""
    low, _, high = quantiles(values, n=4, method="inclusive") if len(values) > 1 else (0.0, 0.0, 0.0)
    return f"{median(values):{'+' if signed else ''}.1f} ± {(high - low) / 2:.1f}"


def tasks_of(asked: argparse.Namespace) -> list[Task]:
    """What to train, seed by seed."""
    cases = [case for case in asked.cases.split(",") if case != REAL or REAL_BARS.is_file()]
    return [
        Task(case, bucket, seed, tuple(asked.variants.split(",")), asked.quick)
        for seed in range(asked.first_seed, asked.first_seed + asked.seeds)
        for case in cases
        for bucket in asked.buckets.split(",")
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Train everything asked for and print the table."""
    names = [variant.name for variant in variants()]
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--cases", default=",".join((*PLANTED, REAL)))
    parser.add_argument("--buckets", default="Scalping,Medium")
    parser.add_argument("--variants", default=",".join(names), help="names separated by commas: " + "; ".join(names))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=100, help="the learner was tuned on 0 to 4: these are fresh")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="few bars and episodes: shows that it runs, nothing else")
    asked = parser.parse_args(arguments)
    unknown = [name for name in asked.variants.split(",") if name not in names]
    if unknown:
        parser.error(f"unknown variant {', '.join(unknown)}; known are {'; '.join(names)}")
    if REAL in asked.cases.split(",") and not REAL_BARS.is_file():
        print(f"no {REAL_BARS.name} in ../shared/data: {REAL} is left out")
    start, tasks = perf_counter(), tasks_of(asked)
    scores = [score for done in each(measured, tasks, asked.processes) for score in done]
    show(scores, Console(width=max(120, 60 + 16 * len({(s.case, s.bucket, s.part) for s in scores}))))
    print(f"{len(tasks)} tasks in {(perf_counter() - start) / 60:.1f} minutes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
