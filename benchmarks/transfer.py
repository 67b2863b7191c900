"""Does transfer pay? The whole study in one command: every bucket from scratch, and taught by others in every way there is.

    python benchmarks/transfer.py                     # all of it, 5 seeds; it says at its start how long
    python benchmarks/transfer.py --markets hard --arms default,weights --seeds 3
    python benchmarks/transfer.py --markets synthetic --arms "default,found order"
    python benchmarks/transfer.py --quick             # does it run: a minute, numbers without meaning

Markets (transfer_markets.py): planted ones where what can be shared is known, with 12 columns that mean nothing; `easy`
and `hard` are shared by all buckets, the others have a teacher from elsewhere; real bars where `--data` has them.
Arms: `default` is what a run does; a strategy's name is that strategy alone; a+b is both. Each strategy alone is tried on
`easy`, `hard`, `scale` and real bars where no arms are asked for. `poisoned`: teachers made to harm (transfer_teachers.py), on twice the
seeds; their luck is what scratch with another seed differs from scratch by.

`found order`: what `--sequence auto` finds on the same market and seed, beside `default`, which has the fixed order; its steps
count the probes'. Where the fixed order is found, the results are the same by construction and nothing is trained again.

Every training takes 400 gradient steps with the default settings, read every 5 of them (transfer_markets.FINE), and ends
with the weights best on validation. Share: steps to 90 % of scratch's best validation score over scratch's own. Chain: how
many times fewer steps all four buckets take together, the first one's own counted; in brackets, to all of scratch's best,
which is what a teacher hands over. Area ratio: under the curves of the best score so far; `at most by speed` is that of
a pupil which has scratch's best from the start. Best: last score over scratch's. Test: share of what a Kalman filter with
the true dynamics earns on the test part, in points; of log return on real bars. Differences are paired by seed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from learnability import each
from rich.console import Console
from transfer_markets import DATA, REAL, STUDIES, SYNTHETIC, there
from transfer_order import order_table
from transfer_picture import draw
from transfer_tables import (
    SHARED,
    back_table,
    ledger_line,
    poison_table,
    poisoned_pairs,
    table_of,
    verdict_table,
    verdicts,
)
from transfer_teachers import POISONS
from transfer_training import DEFAULT, FIXED, FOUND, TAUGHT, Made, Ordered, Returned, Task, Trained, installed, studied

PICTURE = Path(__file__).resolve().parents[1] / "docs/transfer.png"
POISONED_TIMES = 2
"""How many times as many seeds for teachers made to harm."""
ALONE = (*SHARED, "scale", *REAL)
"""Where each strategy is tried alone as well."""
SECONDS = 4.0
"""Of one training on one idle core."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Train everything asked for, print the tables, draw the picture, and answer 0 when every target is met."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--markets", default=",".join(STUDIES), help="by their names, separated by commas")
    parser.add_argument("--arms", help="default, the name of a strategy, or names joined by +, separated by commas")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=400, help="strategies were tuned on 0 to 4: these are fresh")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--data", type=Path, default=DATA, help="where the real bars are")
    parser.add_argument("--quick", action="store_true", help="few bars and episodes: shows that it runs, nothing else")
    parser.add_argument("--picture", type=Path, help="where to draw it; docs/transfer.png where everything is trained")
    asked = parser.parse_args(arguments)
    refuse_unknown(parser, asked)
    for market in asked.markets.split(","):
        if not there(market, asked.data):
            print(f"no {REAL[market]} in {asked.data}: {market} is left out")
    start, tasks = perf_counter(), tasks_of(asked)
    most = sum(map(most_trainings, tasks))
    minutes = SECONDS * most / asked.processes / 60
    print(
        f"at most {most} trainings" + ("" if asked.quick else f", some {minutes:.0f} minutes on idle cores"), flush=True
    )
    made: list[Made] = []
    for some in each(studied, tasks, asked.processes):
        for one in some:
            if isinstance(one, Trained):
                print(ledger_line(one), flush=True)
            elif isinstance(one, Ordered):
                print(f"{one.market} seed {one.seed} found {', '.join(one.order)}: {one.reason}", flush=True)
        made += some
    done = [one for one in made if isinstance(one, Trained)]
    returned = [one for one in made if isinstance(one, Returned)]
    found = show(done, returned, [one for one in made if isinstance(one, Ordered)])
    whole = asked.markets == parser.get_default("markets") and not (asked.arms or asked.quick)
    picture = asked.picture or (PICTURE if whole else None)
    if picture:
        draw(done, picture)
        print(f"drawn: {picture}")
    print(f"{len(done)} trainings in {(perf_counter() - start) / 60:.1f} minutes")
    return 0 if found else 1


def refuse_unknown(parser: argparse.ArgumentParser, asked: argparse.Namespace) -> None:
    """End with the names that there are where one is unknown."""
    for what, names, known in (
        ("market", asked.markets.split(","), tuple(STUDIES)),
        ("arm", (asked.arms or DEFAULT).replace("+", ",").split(","), (DEFAULT, FOUND, *installed())),
    ):
        unknown = [name for name in names if name not in known]
        if unknown:
            parser.error(f"unknown {what} {', '.join(unknown)}; known are {', '.join(known)}")


def tasks_of(asked: argparse.Namespace) -> list[Task]:
    """What to train: the longest first."""
    tasks = []
    for market in sorted(asked.markets.split(","), key=lambda name: name not in SHARED):
        if there(market, asked.data):
            more = installed() if market in ALONE else (FOUND,) if market == SYNTHETIC else ()
            arms = tuple(asked.arms.split(",")) if asked.arms else (DEFAULT, *more)
            seeds = asked.seeds * (POISONED_TIMES if STUDIES[market].poisoned else 1)
            tasks += [Task(market, asked.first_seed + seed, arms, asked.quick, asked.data) for seed in range(seeds)]
    return tasks


def most_trainings(task: Task) -> int:
    """How many trainings a task takes where every arm teaches forward and every order found is another one."""
    if STUDIES[task.market].poisoned:
        return 4 + len(POISONS) * len(task.arms)
    return len(FIXED) + len(TAUGHT) * len(task.arms)


def show(done: Sequence[Trained], returned: Sequence[Returned], ordered: Sequence[Ordered]) -> bool:
    """Print the tables; whether every target is met."""
    console, found = Console(width=150), verdicts(done)
    if len(done) > len(poisoned_pairs(done)) and any(not STUDIES[one.market].poisoned for one in done):
        console.print(table_of(done))
    if poisoned_pairs(done):
        console.print(poison_table(done))
    if returned:
        console.print(back_table(returned))
    if ordered:
        console.print(order_table(done, returned, ordered))
    if found:
        console.print(verdict_table(found))
    return all(verdict.met for verdict in found)


if __name__ == "__main__":
    sys.exit(main())
