"""Does a search for settings fool itself? One command, one table with targets.

    python benchmarks/tune.py --rows rows.jsonl                     # ten seeds; some two hours of an idle core
    python benchmarks/tune.py --rows rows.jsonl --part walks,weak   # parts: walks, weak, default, bad, long
    python benchmarks/tune.py --rows rows.jsonl --seeds 5 --markets hard
    python benchmarks/tune.py --rows rows.jsonl --show              # the table of what is there
    python benchmarks/tune.py --quick                               # whether it runs; the numbers mean nothing

Each search is what `progressive-training tune --bucket Medium` does: 30 trials. `default`: planted markets (see planted.py) of 60,000 bars,
default settings, no slippage, judged on 20,000 later bars of the same market: the share of what a Kalman filter that knows the true
dynamics earns there. `bad`: the same with a learning rate thirty times the default's and dropout 0.8; `long`: so with 120,000 bars.
`weak`: edges that are barely there, no fee, small trainings, and only a setting that does not matter may vary. `walks`: no drift, no fee,
and nothing that a position costs in learning, so that models trade nearly always. Nothing is to be adopted on either. The obvious way
takes the best of the same trials.

A search is finished and its row written (JSON lines) before the next one begins; what is in the file is not searched again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, median, stdev
from tempfile import TemporaryDirectory

from learnability import each
from rich.console import Console
from row_file import Line, missing, rows_of, show, write
from tune_searches import MARKETS, PLANTED, Row, Task, measured

from progressive_studies.search.choosing import NEEDED

PARTS = ("walks", "weak", *PLANTED)
SEEDS = 10
NULLS = 2
"""Searches where nothing is to be found, for each seed of the others."""
WORSE, RECOVERED, ADOPTED, COST = -2.0, 0.5, 20, 12.0
"""The targets: points lost at most, share of a loss recovered at least, searches to one false adoption at least, trainings at most."""
A_LOSS = 0.05
"""Share of the ceiling that a bad setting has to lose for what is recovered of it to say anything."""


def tasks_of(part: str, markets: Sequence[str], seeds: range, quick: bool) -> list[Task]:
    """The searches of a part."""
    if part in PLANTED:
        return [Task(part, market, seed, quick) for seed in seeds for market in markets]
    count = 1 if quick else NULLS * len(seeds)
    return [Task(part, "", seed, quick) for seed in range(seeds.start, seeds.start + count)]


def lines_of(part: str, rows: Sequence[Row]) -> list[Line]:
    """What a part came to."""
    if not rows:
        return []
    if part in PLANTED:
        markets = {market: [row for row in rows if row.task.market == market] for market in MARKETS}
        shown = {f"{part}, {market}": own for market, own in markets.items() if own}
        kinds = default_lines if part == "default" else bad_lines
        apart = [line for name, own in shown.items() for line in kinds(name, own, aim=False)]
        return [*apart, *kinds(f"{part}, all", rows, aim=True), *how_lines(f"{part}, all", rows)]
    return null_lines(part, rows)


def default_lines(name: str, rows: Sequence[Row], *, aim: bool) -> list[Line]:
    """The defaults as the incumbent."""
    before = median(row.incumbent for row in rows)
    tuned, obvious = ([100 * (of(row) - row.incumbent) for row in rows] for of in (_tuned, _obvious))
    return [
        (f"{name}: defaults, median share of the ceiling", "", f"{before:.2f}, {len(rows)} searches", None),
        (
            f"{name}: tuned against defaults, points",
            f"at least {WORSE:+.0f}" if aim else "",
            spread(tuned),
            median(tuned) >= WORSE if aim else None,
        ),
        (f"{name}: the obvious way against defaults, points", "", spread(obvious), None),
    ]


def bad_lines(name: str, rows: Sequence[Row], *, aim: bool) -> list[Line]:
    """A bad incumbent."""
    lines: list[Line] = [
        (
            f"{name}: bad and defaults, median shares of the ceiling",
            "",
            f"{median(row.incumbent for row in rows):.2f}, {median(row.default for row in rows):.2f}, {len(rows)} searches",
            None,
        )
    ]
    losing = [row for row in rows if row.default - row.incumbent >= A_LOSS]
    for way, of in (("recovered", _tuned), ("the obvious way recovers", _obvious)):
        back = [(of(row) - row.incumbent) / (row.default - row.incumbent) for row in losing]
        target = aim and of is _tuned
        if back:
            pooled = sum(of(row) - row.incumbent for row in losing) / sum(row.default - row.incumbent for row in losing)
            lines.append(
                (
                    f"{name}: {way}, of losses over {100 * A_LOSS:.0f} points",
                    f"at least {RECOVERED:.1f}" if target else "",
                    f"{median(back):.2f} ({min(back):.2f} to {max(back):.2f}), {len(back)} searches; together {pooled:.2f}",
                    median(back) >= RECOVERED if target else None,
                )
            )
    return lines


def null_lines(part: str, rows: Sequence[Row]) -> list[Line]:
    """Where no setting is better than another."""
    adopted, chosen = sum(row.adopted for row in rows), [row for row in rows if row.best]
    fooled = sum(row.t_choosing >= NEEDED for row in chosen)
    known = [row.t for row in chosen]
    lines: list[Line] = [
        (
            f"{part}: adopted",
            f"at most 1 in {ADOPTED}",
            f"{adopted} of {len(rows)}",
            adopted * ADOPTED <= max(len(rows), ADOPTED),
        ),
        (f"{part}: the obvious way adopts", "", f"{len(chosen)} of {len(rows)}", None),
        (f"{part}: a t of {NEEDED:.0f} on the half that chose", "", f"{fooled} of {len(rows)}", None),
    ]
    if len(known) > 1:
        lines.append(
            (f"{part}: t on the half held back", "", f"mean {mean(known):.2f}, deviation {stdev(known):.2f}", None)
        )
    return [*lines, (f"{part}: bars spent flat", "", f"{median(row.flat for row in rows):.0%}", None)]


def how_lines(name: str, rows: Sequence[Row]) -> list[Line]:
    """How searches on planted markets ended, and what they cost."""
    costs, adopted = [row.trainings for row in rows], [row for row in rows if row.adopted]
    confirmed = sum(row.verdict.startswith("edge confirmed") for row in adopted)
    return [
        (
            f"{name}: adopted, of these with an edge on the test part",
            "",
            f"{len(adopted)} of {len(rows)}, {confirmed}",
            None,
        ),
        (
            f"{name}: trainings of all episodes that 30 trials take",
            f"at most {COST:.0f}",
            f"{median(costs):.1f} (worst {max(costs):.1f})",
            median(costs) <= COST,
        ),
    ]


def _tuned(row: Row) -> float:
    return row.tuned


def _obvious(row: Row) -> float:
    return row.obvious


def spread(points: Sequence[float]) -> str:
    """Median, mean, and the least and the most."""
    return f"{median(points):+.1f} ({mean(points):+.1f}; {min(points):+.1f} to {max(points):+.1f})"


def told(row: Row) -> str:
    """A search in one line."""
    task = row.task
    points = (
        f"incumbent {row.incumbent:.2f}, tuned {row.tuned:.2f}, obvious {row.obvious:.2f}, default {row.default:.2f}, "
    )
    return (
        f"{task.part} {task.market} {task.seed}: best {row.best}, t {row.t_choosing:.1f} and {row.t:.1f}{', adopted' * row.adopted}; "
        f"{points * (task.part in PLANTED)}{row.trainings:.1f} trainings, {row.seconds:.0f} s"
    )


def fill(tasks: Sequence[Task], file: Path, processes: int) -> list[Row]:
    """Search what the file lacks of the tasks, and add a row for each as it is done."""
    for row in each(measured, missing(tasks, rows_of(file, Row, Task)), processes):
        write(file, row)
        print(told(row), flush=True)
    return rows_of(file, Row, Task)


def main(arguments: Sequence[str] | None = None) -> int:
    """Search what is asked for, print the table, and answer 0 when every target is met."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rows", type=Path, help="the file of what was measured, which is added to")
    parser.add_argument("--part", default=",".join(PARTS))
    parser.add_argument("--markets", default=",".join(MARKETS))
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--first-seed", type=int, default=200, help="constants were chosen on 500 to 702")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--show", action="store_true", help="search nothing")
    parser.add_argument("--quick", action="store_true", help="the smallest there is, to see that it runs")
    asked = parser.parse_args(arguments)
    parts, markets = asked.part.split(","), asked.markets.split(",")
    seeds = range(asked.first_seed, asked.first_seed + (1 if asked.quick else asked.seeds))
    tasks = {part: tasks_of(part, markets, seeds, asked.quick) for part in parts}
    with TemporaryDirectory() as directory:
        file = asked.rows or Path(directory) / "rows.jsonl"
        wanted = in_turn(list(tasks.values()))
        rows = rows_of(file, Row, Task) if asked.show else fill(wanted, file, asked.processes)
    lines = [
        line for part, own in tasks.items() for line in lines_of(part, [row for row in rows if row.task in set(own)])
    ]
    show("Searches for settings: on fresh bars", lines, Console(width=150))
    return 0 if asked.quick or all(enough is not False for *_, enough in lines) else 1


def in_turn(parts: Sequence[Sequence[Task]]) -> list[Task]:
    """Of each part the first, of each the second, and so on: what is stopped half-way has seen all parts, a market's bars made once."""
    longest = max(map(len, parts))
    return [part[place] for place in range(longest) for part in parts if place < len(part)]


if __name__ == "__main__":
    sys.exit(main())
