"""Are the conclusions true? One command: claims where nothing is to be found, what is found where something is, and leaks.

    python benchmarks/honesty.py                          # all pieces; some 25 minutes on two idle cores
    python benchmarks/honesty.py --pieces walks,weak --share 0.25
    python benchmarks/honesty.py --before ../old          # the same trainings with another checkout as well, of which it
                                                          # takes that `git worktree add ../old COMMIT` has made one
    python benchmarks/honesty.py --quick                  # does it run: a minute, numbers without meaning

Every result is appended to a file in `--out`, and none that is there is run again: stop it and start it as you like, a piece
at a time. It knows nothing of changes of the program: after one, name another directory.

Pieces (honesty_pieces.py; seeds from 9000 on, which no one tuned on):
`walks`: chains of four buckets on driftless walks (plain, GARCH, heavy tails, clusters), with a fee of 0.1 % and without, each
taught bucket from scratch as well. `real_hour`, `real_minute`: real bars without a fee, those of one minute of a thin
market (2019) and of a recent one. `planted_minute`: slow drift on bars
of 5 bp, a fee of 1 and 2 bp. `weak`: edges that are barely there. `hard`: chains on the planted market whose columns change
their meaning. `leaks`: columns that know the future (honesty_leaks.py): named by the check, or doubted by the verdict.
`alarms`: honest columns and strong honest markets, which neither may doubt.

t: `edge t` is the cross-fitted one of validation, `test t` that of the test part, `pooled t` of both. Intervals: counts have
Wilson's of 95 %, means their standard error, over walks or markets. Before: the other checkout on the same seeds where one
was run, else in brackets what a study found before the rules were changed, on other seeds.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from math import ceil
from pathlib import Path

from honesty_pieces import PIECES, REAL, Task, tasks_of
from honesty_runs import HERE, Runner, key, read, seconds_of
from honesty_table import MEASURES, show
from rich.console import Console
from transfer_markets import DATA

NOW, BEFORE = "now.jsonl", "before.jsonl"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is missing, print the table, and answer 0 when every target that was measured is met."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--pieces", default=",".join(PIECES), help="by their names, separated by commas")
    parser.add_argument("--share", type=float, default=1.0, help="of each piece's trainings, the first ones")
    parser.add_argument("--out", type=Path, default=Path("runs/honesty"), help="directory of the results")
    parser.add_argument("--before", type=Path, help="another checkout of the program, to run the same with")
    parser.add_argument(
        "--before-share", type=float, help="of each piece's trainings with that; as --share if not given"
    )
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--data", type=Path, default=DATA, help="where the real bars are")
    parser.add_argument(
        "--quick", action="store_true", help="few episodes, one of each: shows that it runs, nothing else"
    )
    asked = parser.parse_args(arguments)
    names = asked.pieces.split(",")
    if unknown := [name for name in names if name not in PIECES]:
        parser.error(f"unknown piece {', '.join(unknown)}; known are {', '.join(PIECES)}")
    here = Runner(HERE.parent, asked.data, asked.processes, asked.quick)
    tasks = chosen(names, 0.0 if asked.quick else asked.share, asked.data)
    print(f"some {sum(map(seconds_of, tasks)) / 60:.0f} minutes of one slow core in all", flush=True)
    here.run(tasks, asked.out / NOW)
    if asked.before:
        share = asked.share if asked.before_share is None else asked.before_share
        earlier = Runner(asked.before, asked.data, asked.processes, asked.quick)
        earlier.run(chosen(names, 0.0 if asked.quick else share, asked.data), asked.out / BEFORE)
    wanted = {key(task) for task in chosen(list(PIECES), 1.0, asked.data)}
    now, before = ([r for r in read(asked.out / name) if key(r.task) in wanted] for name in (NOW, BEFORE))
    return 0 if show(MEASURES, now, before, Console(width=170)) else 1


def chosen(names: Sequence[str], share: float, data: Path) -> list[Task]:
    """The first `share` of each piece's tasks, at least one; none of those whose real bars are absent, with a line of it."""
    tasks = []
    for name in names:
        some = [task for task in tasks_of(name) if there(task, data)]
        if not some:
            print(f"no {' or '.join(REAL[bars] for bars in PIECES[name].needs)} in {data}: {name} is left out")
        tasks += some[: max(1, ceil(share * len(some)))]
    return tasks


def there(task: Task, data: Path) -> bool:
    """Whether the real bars of a task, if it needs any, can be had here."""
    return "bars" not in task or (data / REAL[task["bars"]]).is_file()


if __name__ == "__main__":
    sys.exit(main())
