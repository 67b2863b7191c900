"""What are other markets worth to one? BTC alone, taught by one other real market, and by three in turn; walk-forward.

    python benchmarks/markets.py              # all of it, 5 seeds: some 12 minutes on two idle cores
    python benchmarks/markets.py --fees free --seeds 2 --buckets Medium
    python benchmarks/markets.py --quick      # does it run: seconds, on made-up bars, numbers without meaning

Bars: four real 1 h markets of the same hours (`--data`, or ../shared/data beside the project), 2022-01 to 2026-04, with their
columns `trades` and `taker_buy_volume`, in four folds of 263 days; each trains on all bars before, is chosen on the block before,
and measured on bars that nobody saw. The pupil of fold k is offered the other markets' models of fold k - 1, whose test part
begins where the pupil's validation begins: all of its validation bars are later than what a teacher has seen, and the proof uses
them. Folds 2 to 4 have a teacher and are measured; their test bars, one after the other with positions followed across the
borders, are what a t is of. Settings are the defaults but for the fee and ALLOW_LEAK: on the few bars of a first fold the leak
check takes ADA's `trades` for a column that knows later bars.

Arms: `alone`; `one` is offered ETH's model, `three` ADA's, BNB's and ETH's in this order. `forced` takes ETH's weights without
proof: the control that says what the proof keeps out, or away. `same months` is offered the other markets' models of its own
fold (one seed): its proof has no later bars, so it must keep nothing and be, to the byte, the one alone.

A pupil none of whose teachers has the t of 2 that a proof begins with is, to the byte, the one alone. With the first seed it is
trained all the same, to see that; with the others it is not trained again.

t: of log growth a bar over all folds, mean over seeds with its standard error. Taught: pupils, one a fold and seed, that kept
something of what they were offered. Differences to alone are paired by seed. A look is
one t of one arm, bucket and fee.
"""

from __future__ import annotations

import argparse
import logging
import math
import re
import shutil
import sys
from collections import Counter
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from statistics import mean, stdev
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import structlog
from attrs import evolve, field, frozen
from learnability import each
from rich.console import Console
from rich.table import Table

from progressive_app.config.resolve import defaults
from progressive_app.store.run_documents import Teacher
from progressive_market.bars import synthetic_bars
from progressive_market.judging.baselines import strategies
from progressive_market.judging.block_statistics import t_statistic
from progressive_market.walk_forward.fold_plan import plan_folds
from progressive_market.walk_forward.out_of_sample import out_of_sample
from progressive_training import Fold, Folding, ProgressiveTrainer, as_settings, load_model, read_run, read_tensors

DATA = Path(__file__).resolve().parents[1] / "../shared/data"
TARGET, OTHERS = "btc", ("ada", "bnb", "eth")
ARMS = ("alone", "one", "three", "forced")
CONTROL = "same months"
FEES: dict[str, dict[str, float]] = {"free": {"FEE": 0.0, "SLIPPAGE": 0.0}, "default": {}}
FOLDS, OWN_T = 4, 2.0
COLUMNS = ("trades", "taker_buy_volume")
QUICK: dict[str, Any] = {
    "ALLOW_LEAK": (),
    "EPISODES": 1,
    "WIDTH": 8,
    "MEMBERS": 1,
    "UPDATES_PER_EPISODE": 2,
    "HORIZON_RANGE": [1, 6],
}
SECONDS = 3.2
"""Of one training on one idle core."""


@frozen
class Task:
    """All trainings of one seed, bucket and fee."""

    seed: int
    bucket: str
    fee: str
    data: Path
    folds: int
    settings: dict[str, Any] = field(factory=dict)
    others: tuple[str, ...] = OTHERS
    control: bool = False


@frozen
class Walk:
    """One arm of one task: the `t` and log `growth` of its test bars in all folds; of its `pupils`, one a fold, how many were
    `taught` something, and how many are to the byte `as_alone`; and why entries of their ledgers were not kept."""

    arm: str
    task: Task
    t: float
    growth: float
    pupils: int = 0
    taught: int = 0
    as_alone: int = 0
    reasons: Counter[str] = field(factory=Counter)


def file_of(data: Path, market: str) -> Path:
    """The file of bars of a market."""
    return data / f"binance_{market}usdt_1h_2022_taker.parquet"


def walked(task: Task) -> list[Walk]:
    """Train the other markets' folds, then the target's in every arm, and measure these on the test bars of all folds."""
    with TemporaryDirectory() as directory:
        runs = Path(directory)
        settings = {
            **defaults(),
            **FEES[task.fee],
            "ALLOW_LEAK": COLUMNS,
            **task.settings,
            "SEED": task.seed,
        }
        settings |= {"DATA": str(file_of(task.data, TARGET)), "DEVICE": "cpu", "THREADS": 1}
        horizons = {task.bucket: [settings["HORIZON_RANGE"][1] if settings["HORIZON_RANGE"] else 576]}
        folds = plan_folds(as_settings(settings), horizons, Folding(folds=task.folds))
        for market, fold in product(task.others, folds[:-1]):
            train(runs / market, market, fold, task, settings)
        found = []
        for arm in ARMS:
            for fold in folds[1:]:
                teachers = teachers_of(arm, runs, fold.number - 1, task)
                if task.seed and teachers and not any(map(can_teach, teachers)):
                    shutil.copytree(runs / ARMS[0] / str(fold.number), runs / arm / str(fold.number))
                else:
                    train(runs / arm, TARGET, fold, task, settings, teachers)
            found.append(walk_of(arm, folds[1:], runs, task, settings))
        if task.control:
            for fold in folds[1:-1]:
                same = teachers_of("three", runs, fold.number, task)
                train(runs / CONTROL, TARGET, fold, task, settings, same)
            found.append(counted(Walk(CONTROL, task, math.nan, math.nan), folds[1:-1], runs))
        return found + (baselines(folds[1:], runs, task, settings) if task.seed == 0 else [])


def train(
    place: Path, market: str, fold: Fold, task: Task, settings: dict[str, Any], teachers: Sequence[Teacher] = ()
) -> None:
    """Train one fold of one market in a run of its own below `place`."""
    own = {**settings, **fold.settings, "DATA": str(file_of(task.data, market))}
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))  # not each run's gaps
    run = place / str(fold.number)
    trainer = ProgressiveTrainer(lambda _: None, settings=own, run_dir=run, plugins=("no:report",))
    trainer.train_bucket(task.bucket, transfer_from=list(teachers))


def teachers_of(arm: str, runs: Path, fold: int, task: Task) -> list[Teacher]:
    """The models of a fold of other markets that an arm is taught by."""
    markets = {"alone": (), "three": task.others}.get(arm, task.others[-1:])
    return [
        Teacher(run=str(runs / market / str(fold)), bucket=task.bucket, forced=arm == "forced") for market in markets
    ]


def can_teach(teacher: Teacher) -> bool:
    """Whether a teacher is forced on its pupil, or has the t of its own that a proof begins with."""
    _, card = read_tensors(Path(teacher.run) / "models" / teacher.bucket / "model.safetensors")
    return teacher.forced or (card["knowledge"]["t"] or 0.0) >= OWN_T


def models_of(arm: str, folds: Sequence[Fold], runs: Path, bucket: str) -> list[Path]:
    """The file of each fold's model."""
    return [runs / arm / str(fold.number) / "models" / bucket / "model.safetensors" for fold in folds]


def walk_of(arm: str, folds: Sequence[Fold], runs: Path, task: Task, settings: dict[str, Any]) -> Walk:
    """Measure an arm on the test bars of all folds."""
    models = [load_model(file) for file in models_of(arm, folds, runs, task.bucket)]
    joined = out_of_sample(models, folds, as_settings(settings))
    growth = joined.market.account(joined.held, joined.part).growth
    return counted(Walk(arm, task, t_statistic(growth), float(growth.sum())), folds, runs)


def counted(walk: Walk, folds: Sequence[Fold], runs: Path) -> Walk:
    """A walk with what its ledgers and models say."""
    files, alone = (models_of(arm, folds, runs, walk.task.bucket) for arm in (walk.arm, ARMS[0]))
    ledgers = [read_run(runs / walk.arm / str(fold.number)).ledger for fold in folds]
    refused = Counter(without_numbers(entry.reason) for made in ledgers for entry in made if entry.verdict != "kept")
    taught = sum(any(entry.verdict == "kept" for entry in made) for made in ledgers)
    alike = sum(own.read_bytes() == other.read_bytes() for own, other in zip(files, alone, strict=True))
    return evolve(walk, pupils=len(files), taught=taught, as_alone=alike, reasons=refused)


def baselines(folds: Sequence[Fold], runs: Path, task: Task, settings: dict[str, Any]) -> list[Walk]:
    """Buy and hold, breakout and the others on the same bars."""
    models = [load_model(file) for file in models_of(ARMS[0], folds, runs, task.bucket)]
    joined = out_of_sample(models, folds, as_settings(settings))
    found = []
    for rival in strategies("alone", joined.held, joined.part, joined.market, joined.ridged):
        growth = joined.market.growth(rival.held, rival.part)
        found.append(Walk(rival.label, task, t_statistic(growth), float(growth.sum())))
    return found[2:5]


def show(found: Sequence[Walk], console: Console) -> None:
    """Print a table for each fee, and what the control says."""
    for fee in dict.fromkeys(walk.task.fee for walk in found):
        of_fee = [walk for walk in found if walk.task.fee == fee]
        table = Table(title="no fee" if fee == "free" else "a fee of 0.1 % and slippage of 0.01 % a side")
        for head in ("bucket", "arm", "test t", "t less alone", "log return", "less alone", "taught", "as alone"):
            table.add_column(head, justify="left" if head in ("bucket", "arm") else "right")
        for bucket in dict.fromkeys(walk.task.bucket for walk in of_fee):
            for arm in dict.fromkeys(walk.arm for walk in of_fee if walk.task.bucket == bucket):
                table.add_row(*row_of(arm, [walk for walk in of_fee if walk.task.bucket == bucket]))
        console.print(table)
    for arm in dict.fromkeys(walk.arm for walk in found):
        reasons: Counter[str] = sum((walk.reasons for walk in found if walk.arm == arm), Counter())
        if reasons:
            listed = "; ".join(f"{reason} {count}" for reason, count in reasons.most_common())
            console.print(f"{arm}, not kept: {listed}")


def row_of(arm: str, walks: Sequence[Walk]) -> list[str]:
    """One arm's line: means over seeds, and differences to the arm alone, paired by seed."""
    own = [walk for walk in walks if walk.arm == arm]
    alone = {walk.task.seed: walk for walk in walks if walk.arm == ARMS[0]}
    t, growth = [walk.t for walk in own], [walk.growth for walk in own]
    paired = [(walk, alone[walk.task.seed]) for walk in own] if arm in ARMS[1:] else []
    pupils = sum(walk.pupils for walk in own) if arm != ARMS[0] else 0
    return [
        walks[0].task.bucket,
        arm,
        measured(t),
        measured([walk.t - other.t for walk, other in paired], "+"),
        measured(growth),
        measured([walk.growth - other.growth for walk, other in paired], "+"),
        f"{sum(walk.taught for walk in own)} of {pupils}" if pupils else "",
        f"{sum(walk.as_alone for walk in own)} of {pupils}" if pupils else "",
    ]


def measured(values: Sequence[float], sign: str = "") -> str:
    """Mean and standard error; nothing where there is nothing to say."""
    if not values or not all(map(math.isfinite, values)):
        return ""
    error = f" ± {stdev(values) / math.sqrt(len(values)):.2f}" if len(values) > 1 else ""
    return f"{mean(values):{sign}.2f}{error}"


def without_numbers(reason: str) -> str:
    """A reason up to the first number in it."""
    return re.split(r"[,:]? *[-+]?\d|, ", reason)[0]


def made_up(directory: Path) -> Path:
    """Files of made-up bars in the place of the real ones."""
    import pandas as pd

    for seed, market in enumerate((TARGET, *OTHERS)):
        bars = synthetic_bars(2_400, seed)
        prices = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
        frame = pd.DataFrame({"timestamp": pd.to_datetime(bars.time, utc=True), **prices})
        frame.to_parquet(file_of(directory, market))
    return directory


def main(arguments: Sequence[str] | None = None) -> int:
    """Train everything asked for and print what it comes to; nothing is promised, so the answer is 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, default=DATA, help="where the real bars are")
    parser.add_argument("--buckets", default="Scalping,Medium")
    parser.add_argument("--fees", default=",".join(FEES), help="free, default, or both")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="made-up bars, few of them: shows that it runs")
    asked = parser.parse_args(arguments)
    console = Console(width=160 if not sys.stdout.isatty() else None)
    with TemporaryDirectory() as directory:
        data = made_up(Path(directory)) if asked.quick else asked.data
        if absent := [market for market in (TARGET, *OTHERS) if not file_of(data, market).is_file()]:
            names = ", ".join(file_of(data, market).name for market in absent)
            print(f"left out: no {names} in {data}; name the directory with --data")
            return 0
        if asked.quick:
            tasks = [Task(0, "Scalping", "free", data, 2, QUICK, OTHERS[-1:])]
        else:
            asked_for = product(range(asked.seeds), asked.buckets.split(","), asked.fees.split(","))
            tasks = [Task(*one, data, FOLDS, control=one[0] == 0) for one in asked_for]
        trainings = sum(
            (len(task.others) + len(ARMS)) * (task.folds - 1) + task.control * (task.folds - 2) for task in tasks
        )
        minutes = trainings * SECONDS / asked.processes / 60
        print(f"{trainings} trainings, some {minutes:.0f} minutes on idle cores", flush=True)
        start, found = perf_counter(), []
        for walks in each(walked, tasks, 1 if asked.quick else asked.processes):
            task = walks[0].task
            shown = ", ".join(f"{walk.arm} {walk.t:.2f} ({walk.taught} of {walk.pupils})" for walk in walks)
            print(f"seed {task.seed} {task.bucket} {task.fee}: {shown}", flush=True)
            found += walks
    show(found, console)
    looks = len({(walk.arm, walk.task.bucket, walk.task.fee) for walk in found if walk.arm in ARMS})
    console.print(f"{looks} looks of {asked.seeds if not asked.quick else 1} seeds; {trainings} trainings", end=" ")
    console.print(f"in {(perf_counter() - start) / 60:.1f} minutes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
