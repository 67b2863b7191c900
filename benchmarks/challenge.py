"""Does `challenge` name what breaks a strategy, and nothing else? One command, one table with targets.

    python benchmarks/challenge.py               # all of it; some 15 minutes of two idle cores
    python benchmarks/challenge.py --part faults # one part: faults, peers, cost or real
    python benchmarks/challenge.py --quick       # whether it runs; the numbers mean nothing

`faults`: models that were trained, honestly, on markets with one planted fault each (challenge_markets.py): an edge that lasts one
bar, one that is little more than what trades cost, one that a single column tells of; and as many on a planted market with six views
of three trends. One Scalping model a market, 40,000 bars, default settings but for the costs. A model that earned nothing to speak of on
the bars of the part is not judged, and counts as not named. Thresholds were chosen on the seeds 100 to 103, on validation.
`peers`: default runs of four buckets on planted markets and on the built-in synthetic one, 40,000 bars: rank correlation of what the
peers expect a window to lose with what it lost, mean over buckets; on validation, and on the test bars, which nobody chose by. The
form of it was chosen on `easy` with the seeds 1 to 5, on validation.
`cost`: CPU seconds of the command beside those of the run that it challenges, both as processes of their own.
`real`: hourly and 5-minute bars of BTC, what is said of each bucket.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, median
from tempfile import TemporaryDirectory
from typing import Any

import torch
from attrs import field, frozen
from challenge_markets import FAULTS, SETTINGS, faulty_market
from learnability import each
from planted import Kind, planted_bars
from rich.console import Console
from rich.table import Table
from walk_forward_training import QUIET, silent, table_of

from progressive_market.challenge.weak_points import CHEAP, FEED, INSTANT
from progressive_studies.challenge.run_challenge import challenge_run
from progressive_training import Challenge, ProgressiveTrainer, load_model

PARTS = ("faults", "peers", "cost", "real")
BARS = 40_000
NAMED = dict(zip(FAULTS, (INSTANT, CHEAP, FEED), strict=True))
HEALTHY = "none"
WITHOUT = "frozen"
DEAR = "costs x 2"
KEPT = ("1 bar late", DEAR, WITHOUT)
"""Variants of which the median kept share is shown."""
PEER_MARKETS = ("easy", "hard", "synthetic")
DATA = Path(__file__).resolve().parents[1] / "../shared/data"
REAL = ("binance_btcusdt_1h.parquet", "binance_btcusdt_5m.parquet")
RANK, COST = 0.3, 0.5
QUICK: dict[str, Any] = {
    "EPISODES": 1,
    "UPDATES_PER_EPISODE": 2,
    "EPISODE_BARS": 16,
    "PARALLEL_EPISODES": 4,
    "BATCH_SIZE": 32,
    "HORIZON_RANGE": [1, 24],
}


@frozen
class Task:
    """One run: which part of the benchmark and which market it is of."""

    part: str
    market: str
    seed: int
    bars: int = BARS
    settings: dict[str, Any] = field(factory=dict)


@frozen
class Answer:
    """What challenge said of a run: its documents on validation and, where it was asked, on test; and CPU `seconds` of the run and of the
    command."""

    task: Task
    validation: dict[str, Any] = field(factory=dict)
    test: dict[str, Any] = field(factory=dict)
    seconds: tuple[float, float] = (0.0, 0.0)


def answered(task: Task) -> Answer:
    """Train one run, and challenge it."""
    torch.set_num_threads(1)
    with TemporaryDirectory() as directory:
        run = Path(directory) / "run"
        if task.part == "cost":
            return Answer(task, seconds=costs_of(task, run))
        trainer = ProgressiveTrainer(
            silent, settings=settings_of(task), data=bars_of(task), run_dir=run, plugins=tuple(QUIET)
        )
        if task.part == "faults":
            trainer.train_bucket("Scalping")
        else:
            trainer.train_progressively()
        validation, test = (challenge_run(run, load_model, Challenge(part=part)) for part in ("validation", "test"))
        return Answer(task, validation, test)


def settings_of(task: Task) -> dict[str, Any]:
    """The settings of its run, where they are not the defaults."""
    own = SETTINGS.get(task.market, {}) if task.part == "faults" else {}
    return {"DEVICE": "cpu", "THREADS": 1, "SEED": task.seed, "SYNTHETIC_BARS": task.bars, **own, **task.settings}


def bars_of(task: Task) -> Any:
    """The bars of its market; None for the built-in one."""
    if task.part == "faults":
        return table_of(faulty_market("" if task.market == HEALTHY else task.market, task.bars, task.seed))
    if task.part == "real":
        return str(DATA / task.market)
    kinds: dict[str, Kind] = {"easy": "easy", "hard": "hard"}
    kind = kinds.get(task.market)
    return None if kind is None else table_of(planted_bars(kind, task.bars, task.seed).bars)


def costs_of(task: Task, run: Path) -> tuple[float, float]:
    """CPU seconds of a default run and of the command that challenges it."""
    settings = [f"--set={key}={str(value).replace(chr(39), chr(34))}" for key, value in settings_of(task).items()]
    first = cpu_of("--run-dir", str(run), "--quiet", *settings)
    return first, cpu_of("challenge", str(run), "--json")


def cpu_of(*arguments: str) -> float:
    """CPU seconds of one command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "progressive_training", *arguments]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603  (this program)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def show_faults(answers: Sequence[Answer], console: Console) -> bool:
    """A row for each planted fault, and whether enough are named, and few others."""
    table = Table(title="Faults named, validation part (test part)")
    for head in ("planted", "models", "named", "with another one", *NAMED.values(), "not judged", *KEPT):
        table.add_column(head, justify="left" if head == "planted" else "right")
    for planted in (*FAULTS, HEALTHY):
        own = [answer for answer in answers if answer.task.market == planted]
        if not own:
            continue
        found = {part: [getattr(answer, part)["buckets"][0] for answer in own] for part in ("validation", "test")}
        counts = {part: Counter(fault for each in rows for fault in each["faults"]) for part, rows in found.items()}
        right = NAMED.get(planted)

        def both(count: Any, found: dict[str, Any] = found) -> str:
            return f"{count(found['validation'])} ({count(found['test'])})"

        table.add_row(
            planted,
            str(len(own)),
            both(
                lambda rows, right=right: sum(
                    right in each["faults"] if right else bool(each["faults"]) for each in rows
                )
            ),
            both(lambda rows, right=right: sum(bool({*each["faults"]} - {right}) for each in rows)) if right else "",
            *(f"{counts['validation'][fault]} ({counts['test'][fault]})" for fault in NAMED.values()),
            both(
                lambda rows: sum("too little" in each["sentence"] or "nothing to" in each["sentence"] for each in rows)
            ),
            *(
                both(lambda rows, variant=variant: f"{median(kept_of(each, variant) for each in rows):.0%}")
                for variant in KEPT
            ),
        )
    console.print(table)
    faulty = [answer for answer in answers if answer.task.market != HEALTHY]
    healthy = [answer for answer in answers if answer.task.market == HEALTHY]
    named = sum(NAMED[answer.task.market] in answer.validation["buckets"][0]["faults"] for answer in faulty)
    false = sum(bool(answer.validation["buckets"][0]["faults"]) for answer in healthy)
    met = named >= 0.9 * len(faulty) and false <= 0.1 * len(healthy)
    console.print(
        f"named with the planted fault: {named} of {len(faulty)} (target: 9 of 10); of the healthy {false} of {len(healthy)} (at most 1 of "
        f"10) {verdict(met)}"
    )
    return met


def kept_of(bucket: dict[str, Any], variant: str) -> float:
    """Share of the growth that a bucket keeps; of `WITHOUT` the least of all features. `DEAR` is the second of the rising costs."""
    costly = [each["variant"] for each in bucket["attacks"] if each.get("attack") == "rising_costs"]
    end = costly[1] if variant == DEAR and len(costly) > 1 else variant
    rows = [each for each in bucket["attacks"] if each["variant"].endswith(end) and each["kept"] is not None]
    return min((float(each["kept"]) for each in rows), default=0.0)


def show_peers(answers: Sequence[Answer], console: Console) -> bool:
    """Rank correlations by market, and whether those of the peers are high enough."""
    table = Table(title="Rank correlation of expected with realised loss, windows of 48 bars: validation (test)")
    for head in ("market", "runs", "peers", "lowest run", "own model", "volatility"):
        table.add_column(head, justify="left" if head == "market" else "right")
    keys = ("rank_correlation", "own_rank_correlation", "volatility_rank_correlation")
    reached = []
    for market in dict.fromkeys(answer.task.market for answer in answers):
        own = [answer for answer in answers if answer.task.market == market]
        means = {
            part: {
                key: [
                    mean(bucket["peers"][key] or 0.0 for bucket in getattr(answer, part)["buckets"]) for answer in own
                ]
                for key in keys
            }
            for part in ("validation", "test")
        }
        reached.append(mean(means["test"][keys[0]]))
        cells = [f"{mean(means['validation'][key]):.2f} ({mean(means['test'][key]):.2f})" for key in keys]
        lowest = f"{min(means['validation'][keys[0]]):.2f} ({min(means['test'][keys[0]]):.2f})"
        table.add_row(market, str(len(own)), cells[0], lowest, *cells[1:])
    console.print(table)
    faults = Counter(
        fault for answer in answers for bucket in answer.validation["buckets"] for fault in bucket["faults"]
    )
    listed = ", ".join(f"{fault} {count}" for fault, count in faults.items()) or "none"
    console.print(
        f"faults named in these {sum(len(answer.validation['buckets']) for answer in answers)} buckets: {listed}"
    )
    met = min(reached) >= RANK
    console.print(f"the lowest market's mean on test: {min(reached):.2f} (target: {RANK}) {verdict(met)}")
    return met


def show_cost(answers: Sequence[Answer], console: Console) -> bool:
    """CPU seconds, and whether the command takes little enough."""
    shares = [answer.seconds[1] / answer.seconds[0] for answer in answers]
    listed = ", ".join(f"{run:.1f} s and {own:.1f} s" for run, own in (answer.seconds for answer in answers))
    met = median(shares) < COST
    console.print(
        f"CPU of a default run of {BARS:,} bars and of its challenge: {listed}; median share {median(shares):.2f} (target: below {COST}) "
        f"{verdict(met)}"
    )
    return met


def show_real(answers: Sequence[Answer], console: Console) -> bool:
    """What is said of models of real bars; nothing is promised."""
    for answer in answers:
        for part in ("validation", "test"):
            for bucket in getattr(answer, part)["buckets"]:
                peers = bucket["peers"]
                named = ", ".join(bucket["faults"]) or "no fault named"
                console.print(
                    f"{answer.task.market} {bucket['bucket']}, {part}: {bucket['sentence']} [{named}; t {bucket['t']:.1f}, peers "
                    f"{peers['rank_correlation'] or 0:.2f}, own {peers['own_rank_correlation'] or 0:.2f}, volatility "
                    f"{peers['volatility_rank_correlation'] or 0:.2f}]",
                    markup=False,
                )
    return True


SHOWN = {"faults": show_faults, "peers": show_peers, "cost": show_cost, "real": show_real}


def verdict(met: bool) -> str:
    """Whether a target is met, in colour."""
    return "[green]met[/]" if met else "[red]NOT MET[/]"


def tasks_of(part: str, seeds: int, first: int, *, quick: bool) -> list[Task]:
    """The runs of one part."""
    bars, settings = (3_000, QUICK) if quick else (BARS, {})
    if part == "faults":
        planted = [FAULTS[number % len(FAULTS)] for number in range(seeds)] + [HEALTHY] * seeds
        numbers = [*range(seeds), *range(seeds)]
        return [
            Task(part, market, first + number, bars, settings) for market, number in zip(planted, numbers, strict=True)
        ]
    if part == "real":
        return [Task(part, market, 0, bars, settings) for market in REAL if (DATA / market).is_file()]
    markets = ("synthetic",) if part == "cost" else PEER_MARKETS
    count = 1 if quick else 3 if part == "cost" else max(1, seeds // 2)
    return [Task(part, market, first + number, bars, settings) for market in markets for number in range(count)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what is asked for, print the tables, and answer 0 where every target is met."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--part", choices=PARTS, help="one part alone")
    parser.add_argument(
        "--seeds", type=int, default=10, help="models with a fault, and healthy ones; half as many runs of a market"
    )
    parser.add_argument("--first-seed", type=int, default=700, help="nothing was chosen on these")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="few bars and episodes: shows that it runs, nothing else")
    asked = parser.parse_args(arguments)
    console, met = Console(width=170), True
    for part in [asked.part] if asked.part else [part for part in PARTS if not (asked.quick and part == "real")]:
        tasks = tasks_of(part, 2 if asked.quick else asked.seeds, asked.first_seed, quick=asked.quick)
        answers = []
        for answer in each(answered, tasks, 1 if asked.quick or part == "cost" else asked.processes):
            answers.append(answer)
            print(part, answer.task.market, answer.task.seed, *said(answer), flush=True)
        met &= bool(answers) and SHOWN[part](answers, console)
    return 0 if met or asked.quick else 1


def said(answer: Answer) -> list[str]:
    """One line of progress."""
    rows = answer.validation.get("buckets", ())
    return [f"{row['bucket']}: {row['sentence']} {row['faults']}" for row in rows[:1]]


if __name__ == "__main__":
    sys.exit(main())
