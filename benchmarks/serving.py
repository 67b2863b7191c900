"""Is a decision in use the one that was evaluated, and how long does it take? One command, two tables, pass or fail.

    python benchmarks/serving.py                    # parity on six kinds of bars, and both timings; some 10 minutes
    python benchmarks/serving.py --before ../old    # the time of one decision with another checkout as well, of which it
                                                    # takes that `git worktree add ../old 667b9a4` has made one
    python benchmarks/serving.py --quick            # does it run: a minute, numbers without meaning

Parity: `live`, asked at every row of the file with no more bars than the card asks for, against `trajectory` and against what
the evaluator measured, bar by bar in action, position and equity (serving_parity.py, on the files of serving_cases.py). Twice: the
strategy on the test part, whatever the verdict, and the model in use. Every difference is a fault.

Time: one decision without a warning from 2,000 bars in a pandas frame, that of a live model on a window that moved on by a bar, and
the trajectory of 200,000 bars, on one thread: the fastest of many, which other programs did not disturb, of decisions in CPU time.
The trajectory is timed without recall, and with recall from a full memory, where each bar is compared with 256 situations. Each checkout decides in processes of its own (serving_worker.py), in turns.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import torch
from history import commit_of, record
from honesty_runs import HERE, Runner
from rich.console import Console
from rich.table import Table
from serving_cases import CASES, Case, evaluated, installed_feature, plain
from serving_parity import Parity, strategy_parity, use_parity

from progressive_buckets.naturalistic.recall import CAPACITY
from progressive_training import load_model

DECISIONS = {"one decision from 2,000 bars": 5.0, "live, one bar more": 1.0}
"""What is timed, and the milliseconds that it may take."""
LEAST_BARS_A_SECOND = 200_000
LEAST_TRADES = 50
ROUNDS = 3
"""Processes of each checkout, in turns."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print both tables, and answer 0 when every target is met."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--before", type=Path, help="another checkout of the program, whose decisions are timed too")
    parser.add_argument("--quick", action="store_true", help="few bars: shows that it runs, nothing else")
    asked = parser.parse_args(arguments)
    torch.set_num_threads(1)
    console = Console(width=110)
    with TemporaryDirectory(prefix="serving-") as folder:
        parities = list(all_parities(Path(folder), 20 if asked.quick else None))
        same = show_parity(parities, console, 0 if asked.quick else LEAST_TRADES)
        bars_a_second = trajectory_speeds(Path(folder) / "long", 3_000 if asked.quick else 200_000)
    checkouts = [HERE.parent, *([asked.before] if asked.before else [])]
    seconds = decision_seconds(checkouts, 1 if asked.quick else ROUNDS, asked.quick)
    fast = show_times(seconds, bars_a_second, console)
    if not asked.quick:
        ratios = {"trajectory with all recall, of the time without": bars_a_second[0] / bars_a_second[1]}
        if asked.before:
            for name, now, then in zip(DECISIONS, *seconds, strict=True):
                ratios[f"{name}, of the time at {commit_of(asked.before)}"] = now / then
        record("serving.py", ratios, "less")
    return 0 if same and fast else 1


def all_parities(folder: Path, bars: int | None) -> Iterator[tuple[Case, Parity, Parity]]:
    """Each case with its comparison as a strategy and in use; on the first `bars` of the test part, or on all of them."""
    for name, made in CASES.items():
        case = made(6_000, 3)
        with installed_feature(folder / "installed") if case.feature else nullcontext():
            run = evaluated(case, folder / name)
            yield case, strategy_parity(run, bars), use_parity(run, bars)


def show_parity(parities: Sequence[tuple[Case, Parity, Parity]], console: Console, least_trades: int) -> bool:
    """Print a row for each case; answer whether nothing differs, and every case trades."""
    table = Table(title="live = trajectory = evaluation")
    for column in ("bars", "decided on", "trades, strategy", "trades, in use", "differences", ""):
        table.add_column(column, justify="left" if column == "bars" else "right")
    passed = []
    for case, strategy, use in parities:
        differences = strategy.differences + use.differences
        passed.append(differences == 0 and min(strategy.trades, use.trades) >= least_trades)
        counts = (strategy.bars + use.bars, strategy.trades, use.trades, differences)
        table.add_row(case.name, *(f"{count:,}" for count in counts), _verdict(passed[-1]))
    console.print(table)
    return all(passed)


def trajectory_speeds(folder: Path, bars: int) -> tuple[float, float]:
    """Bars a second of the trajectory of so many bars in memory, the fastest of a few: without recall, and recalling as many
    situations as a model can hold."""
    run = evaluated(plain(6_000, 3), folder, width=128)
    model, frame = load_model(run.trading), plain(bars, 4).frame
    repeats = CAPACITY // len(model.memory.rows)
    model.memory.recollect(model.memory.rows.repeat(repeats, 1), model.memory.followed.repeat(repeats, 1))
    model.memory.refresh(model.network)

    def speed(recall: float) -> float:
        model.memory.weight = recall
        taken = []
        for _ in range(4):
            begun = perf_counter()
            model.trajectory(frame)
            taken.append(perf_counter() - begun)
        return bars / min(taken)

    return speed(0.0), speed(0.25)


def decision_seconds(checkouts: Sequence[Path], rounds: int, quick: bool) -> list[list[float]]:
    """Seconds of each of `DECISIONS` with each of the `checkouts`, the fastest of all rounds."""
    seconds: list[list[list[float]]] = [[] for _ in checkouts]
    for _ in range(rounds):
        for checkout, taken in zip(checkouts, seconds, strict=True):
            done = subprocess.run(  # noqa: S603  (our own command line)
                [sys.executable, "-P", str(HERE / "serving_worker.py"), "5" if quick else "400"],
                env=Runner(checkout, HERE).environment(),
                capture_output=True,
                text=True,
                check=True,
            )
            taken.append(json.loads(done.stdout.splitlines()[-1]))
    return [[min(each) for each in zip(*taken, strict=True)] for taken in seconds]


def show_times(seconds: Sequence[Sequence[float]], bars_a_second: tuple[float, float], console: Console) -> bool:
    """Print all timings beside their targets; answer whether these are met."""
    quick = []
    for (name, most), (taken, *before) in zip(DECISIONS.items(), zip(*seconds, strict=True), strict=True):
        quick.append(taken * 1e3 <= most)
        ratio = f", {taken / before[0]:.2f} of {before[0] * 1e3:.1f} ms before" if before else ""
        console.print(f"{name}: {taken * 1e3:.2f} ms{ratio} {_verdict(quick[-1])}")
    many = [speed >= LEAST_BARS_A_SECOND for speed in bars_a_second]
    for name, speed, enough in zip(("without recall", "with all recall"), bars_a_second, many, strict=True):
        console.print(f"trajectory of 200,000 bars {name}: {speed:,.0f} bars/s {_verdict(enough)}")
    return all([*quick, *many])


def _verdict(passed: bool) -> str:
    return "[green]pass[/]" if passed else "[red]FAIL[/]"


if __name__ == "__main__":
    sys.exit(main())
