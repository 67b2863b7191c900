"""What are regimes worth? One command, one table with targets: detectors, an edge in one regime, specialists, and what they cost.

    python benchmarks/regimes.py --rows rows.jsonl       # ten seeds; half an hour of one idle core, more for real bars
    python benchmarks/regimes.py --rows rows.jsonl --parts half,still --seeds 5
    python benchmarks/regimes.py --rows rows.jsonl --show    # the table of what is there
    python benchmarks/regimes.py --quick                 # whether it runs; the numbers mean nothing
    python benchmarks/regimes.py --picture docs/regimes.png --first-seed 105

Markets of two volatility regimes (see planted_regimes.py), Medium, default settings, no slippage, trained with REGIMES null and
with a detector, and judged on 20,000 later bars of the same market: the share of what a Kalman filter who knows dynamics and
regime earns there. `in use`: as the verdict lets the model trade; `strategy`: whatever the verdict says.

`half`: the drift lives in the calm regime; `half wild`: in the other one. `flip`: what columns say changes its sign with the
regime; `long`: the same with 60,000 bars; `noisy`: with 12 columns that mean nothing in place of 4. `still`: nothing but volatility
depends on the regime. `walks`: 24 without drift and without a fee. `real`: BTC at 1 h and 5 min, judged on the test part.

A training is finished and its row written (JSON lines) before the next one begins; what is in the file is not trained again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean, median
from tempfile import TemporaryDirectory

from attrs import evolve
from learnability import each
from planted_regimes import NOISE_COLUMNS
from regimes_picture import draw
from regimes_training import Row, Task, measured, right
from rich.console import Console
from row_file import Line, missing, rows_of, show, write

DATA = Path(__file__).resolve().parents[1] / "../shared/data"
REAL = {"BTC 1 h": "binance_btcusdt_1h.parquet", "BTC 5 min": "binance_btcusdt_5m.parquet"}
BARS, LONG, FRESH, WALKS = 20_000, 60_000, 20_000, 24
QUICK_BARS, QUICK_FRESH = 1_500, 300
NOISY = 12
PLANTED = {"half": "half", "half wild": "half_wild", "flip": "flip", "long": "flip", "noisy": "flip", "still": "still"}
PARTS = ("detectors", *PLANTED, "walks", "real")
WITHOUT, DETECTOR = "", "hmm"

AIMS = {
    "half": ("+15, or edges found", 15.0),
    "flip": ("+10", 10.0),
    "long": ("not below 0", 0.0),
    "still": ("at least -2", -2.0),
}
"""Points by which the median seed with regimes is to be better."""


def tasks_of(part: str, seeds: Sequence[int], data: Path) -> list[Task]:
    """The trainings of a part, those with a detector beside those without, seed after seed."""
    if part == "walks":
        return [Task("walk", BARS, seed, DETECTOR, fresh=FRESH, free=True) for seed in range(500, 500 + WALKS)]
    if part == "real":
        files = [(name, data / file) for name, file in REAL.items() if (data / file).is_file()]
        return [
            Task(name, 0, seed, detector, file=str(file), free=free)
            for seed in seeds[:2]
            for name, file in files
            for free in (False, True)
            for detector in (WITHOUT, DETECTOR)
        ]
    bars, noise = LONG if part == "long" else BARS, NOISY if part == "noisy" else NOISE_COLUMNS
    arms = (WITHOUT, DETECTOR, "quantile") if part in ("half", "flip") else (WITHOUT, DETECTOR)
    return [Task(PLANTED[part], bars, seed, arm, fresh=FRESH, noise=noise) for seed in seeds for arm in arms]


def pairs_of(rows: Sequence[Row], tasks: Sequence[Task], detector: str = DETECTOR) -> list[tuple[Row, Row]]:
    """Rows of the same market without and with a detector."""
    known = {row.task: row for row in rows}
    wanted = [task for task in tasks if task.detector == detector]
    both = [(known.get(evolve(task, detector=WITHOUT)), known.get(task)) for task in wanted]
    return [(plain, gated) for plain, gated in both if plain is not None and gated is not None]


def lines_of(part: str, rows: Sequence[Row], tasks: Sequence[Task]) -> list[Line]:
    """What a part came to."""
    if part == "walks":
        return walk_lines([row for row in rows if row.task in set(tasks)])
    if part == "real":
        return real_lines(rows, tasks)
    lines = []
    for detector in dict.fromkeys(task.detector for task in tasks if task.detector):
        pairs = pairs_of(rows, tasks, detector)
        if pairs:
            lines += planted_lines(f"{part}, {detector}", part, pairs)
    return lines


def planted_lines(name: str, part: str, pairs: Sequence[tuple[Row, Row]]) -> list[Line]:
    """A planted market without and with regimes: medians over seeds, and of the differences of the same seed."""
    used = [100 * (gated.used - plain.used) for plain, gated in pairs]
    strategy = [100 * (gated.strategy - plain.strategy) for plain, gated in pairs]
    found = sum(gated.confirmed and not plain.confirmed for plain, gated in pairs)
    lost = sum(plain.confirmed and not gated.confirmed for plain, gated in pairs)
    unshown = sum(not plain.confirmed for plain, _ in pairs)
    acting = sum(gated.specialists for _, gated in pairs)
    aim, reached = AIMS.get(part, ("", 0.0)) if name.endswith(DETECTOR) else ("", 0.0)
    by_use = part == "half"
    return [
        (f"{name}: strategy", "", shares(pairs, lambda row: row.strategy), None),
        goal(f"{name}: strategy, points by seed", aim * (not by_use), strategy, reached),
        (f"{name}: in use", "", shares(pairs, lambda row: row.used), None),
        goal(f"{name}: in use, points by seed", aim * by_use, used, reached),
        (f"{name}: edges found where none was shown, and lost", "", f"{found} of {unshown}, {lost}", None),
        (f"{name}: specialists vote", "", f"{acting} of {len(pairs)}", None),
    ]


def goal(name: str, aim: str, points: Sequence[float], reached: float) -> Line:
    """The median of differences by seed, its mean, and the least and the most."""
    shown = f"{median(points):+.0f} ({mean(points):+.0f}; {min(points):+.0f} to {max(points):+.0f})"
    return name, aim, shown, median(points) >= reached if aim else None


def shares(pairs: Sequence[tuple[Row, Row]], of: Callable[[Row], float]) -> str:
    """Median shares of the ceiling without and with regimes."""
    plain, gated = (median(of(pair[arm]) for pair in pairs) for arm in (0, 1))
    return f"{plain:.2f} -> {gated:.2f}, {len(pairs)} seeds"


def walk_lines(rows: Sequence[Row]) -> list[Line]:
    """Walks without drift."""
    if not rows:
        return []
    claims, most = sum(row.confirmed for row in rows), max(row.t for row in rows)
    acting = sum(row.specialists for row in rows)
    return [
        (f"{len(rows)} walks: edges claimed, largest t", "0", f"{claims}, {most:.1f}", not claims),
        ("walks: specialists vote", "", str(acting), None),
    ]


def real_lines(rows: Sequence[Row], tasks: Sequence[Task]) -> list[Line]:
    """Real bars: nothing is promised, and every result is a look."""
    lines: list[Line] = []
    pairs = pairs_of(rows, tasks)
    for name, free in dict.fromkeys((gated.task.market, gated.task.free) for _, gated in pairs):
        own = [pair for pair in pairs if (pair[0].task.market, pair[0].task.free) == (name, free)]
        shown = "; ".join(f"{outcome(plain)} -> {outcome(gated)}" for plain, gated in own)
        lines.append(
            (f"{name}, {'no fee' if free else 'default costs'}: log return on test, t, trades", "", shown, None)
        )
    return lines


def outcome(row: Row) -> str:
    """One training on real bars."""
    return f"{row.strategy:+.2f}, {row.t:.1f}, {row.trades}{', specialists' * row.specialists}"


def detector_lines(found: Sequence[dict[str, float]]) -> list[Line]:
    """How often detectors are right."""
    least = {"hmm": 0.95}
    return [
        (
            f"{name}: right, of fresh bars, {len(found)} markets (least)",
            f"{least[name]:.0%}" if name in least else "",
            f"{mean(each[name] for each in found):.1%} ({min(each[name] for each in found):.1%})",
            mean(each[name] for each in found) >= least[name] if name in least else None,
        )
        for name in found[0]
    ]


def cost_lines(rows: Sequence[Row], tasks: Sequence[Task]) -> list[Line]:
    """What plain network and specialists together take, of the plain one's processor time."""
    pairs = pairs_of(rows, [task for task in tasks if not task.file])
    if not pairs:
        return []
    taken = [gated.seconds / plain.seconds for plain, gated in pairs]
    return [(f"processor time with regimes, of that without, {len(pairs)} pairs", "", f"{median(taken):.1f}", None)]


def fill(tasks: Sequence[Task], file: Path, processes: int) -> list[Row]:
    """Train what the file lacks of the tasks, and add a row for each as it is done."""
    for row in each(measured, missing(tasks, rows_of(file, Row, Task)), processes):
        write(file, row)
        task = row.task
        print(
            f"{task.market} {task.seed} {task.bars} {task.detector or 'without'}: strategy {row.strategy:.2f}, in use {row.used:.2f}, "
            f"t {row.t:.1f}, trades {row.trades}{', specialists' * row.specialists}, {row.seconds:.0f} s",
            flush=True,
        )
    return rows_of(file, Row, Task)


def quick(task: Task) -> Task:
    """The same with as little as there is."""
    return evolve(task, bars=QUICK_BARS, fresh=QUICK_FRESH, quick=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train what is asked for, print the table, and answer 0 when every target is met."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rows", type=Path, help="the file of what was measured, which is added to")
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument(
        "--first-seed", type=int, default=100, help="the markets were designed on 0 to 7: these are fresh"
    )
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of real bars")
    parser.add_argument("--show", action="store_true", help="train nothing")
    parser.add_argument("--picture", type=Path, help="draw one half market into this file, and do nothing else")
    parser.add_argument("--quick", action="store_true", help="the smallest there is, to see that it runs")
    asked = parser.parse_args(arguments)
    seeds = range(asked.first_seed, asked.first_seed + (1 if asked.quick else asked.seeds))
    if asked.picture:
        draw(tasks_of("half", seeds, asked.data)[:2], asked.picture)
        return 0
    parts, lines, tasks = asked.parts.split(","), list[Line](), list[Task]()
    with TemporaryDirectory() as directory:
        file = asked.rows or Path(directory) / "rows.jsonl"
        for part in parts:
            if part == "detectors":
                asked_for = [Task("still", BARS, seed, WITHOUT, fresh=FRESH) for seed in seeds]
                lines += detector_lines([right(quick(task) if asked.quick else task) for task in asked_for])
                continue
            own = tasks_of(part, seeds, asked.data)
            if part == "real" and len({task.market for task in own}) < len(REAL):
                lines.append((f"real: skipped what is not in {asked.data}", "", "", None))
            own = [quick(task) for task in own[:2]] if asked.quick else own
            rows = rows_of(file, Row, Task) if asked.show else fill(own, file, 1 if asked.quick else asked.processes)
            lines += lines_of(part, rows, own)
            tasks += own
        lines += cost_lines(rows_of(file, Row, Task), tasks)
    show("Regimes: share of the ceiling on fresh bars, medians", lines, Console(width=150))
    return 0 if asked.quick or all(enough is not False for *_, enough in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
