"""What does showing a run in TensorBoard or MLflow cost its training? One command, one table, pass or fail.

    python benchmarks/trackers.py                        # a default run with each tracker that is installed, three times in turns
    python benchmarks/trackers.py --data bars.parquet    # the same on bars of your own

Each run is a process of its own, so that what a tracker imports counts. Its threads and its hooks are counted in processor time,
as a share of all that the process took without them: another program on the machine changes little. What training waited for is
counted on the wall. Processes that a tracker starts do not take part in training: they have a column, and no target.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import wraps
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time, thread_time
from typing import Any
from unittest.mock import patch

from attrs import asdict, define, frozen
from history import record
from rich.console import Console
from rich.table import Table

from progressive_app.config.resolve import defaults
from progressive_integrations.tracking import tracker
from progressive_training import ProgressiveTrainer

TRACKERS = ("tensorboard", "mlflow")
MOST_OF_A_RUN = 0.01


@frozen
class Cost:
    """One run: seconds of the processor that its process took, those of the tracker among them, seconds that training waited for
    the tracker, seconds of the processor of other processes, episodes."""

    processor: float
    tracker: float
    waited: float
    others: float
    episodes: int

    @property
    def share(self) -> float:
        """What the tracker takes beside all else."""
        return self.tracker / (self.processor - self.tracker)


@define
class _Spent:
    tracker: float = 0.0
    waited: float = 0.0

    def counted(self, function: Callable[..., Any], *, waits: bool) -> Callable[..., Any]:
        """`function`, whose time is the tracker's; training `waits` for it where it is a hook."""

        @wraps(function)
        def counting(*arguments: Any, **named: Any) -> Any:
            used, begun = thread_time(), perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                self.tracker += thread_time() - used
                self.waited += perf_counter() - begun if waits else 0.0

        return counting


def cost_of(name: str | None, settings: Mapping[str, Any], directory: Path) -> Cost:
    """Train in `directory` with the tracker `name`, or without one, and count what it costs."""
    spent = _Spent()
    with ExitStack() as stack:
        stack.enter_context(
            patch.object(tracker._Follower, "_follow", spent.counted(tracker._Follower._follow, waits=False))
        )
        for hook in ("on_bucket_start", "on_episode_end", "cleanup", "on_run_end"):
            found = spent.counted(getattr(tracker.Tracker, hook), waits=True)
            stack.enter_context(patch.object(tracker.Tracker, hook, found))
        begun, others = process_time(), _others()
        plugins = () if name is None else (name,)
        ProgressiveTrainer(settings=settings, run_dir=directory, plugins=plugins).train_progressively()
        processor, others = process_time() - begun, _others() - others
    episodes = len((directory / "metrics.jsonl").read_text().splitlines())
    return Cost(processor, spent.tracker, spent.waited, others, episodes)


def _others() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def show(costs: Mapping[str | None, Sequence[Cost]], console: Console) -> bool:
    """Print the table; answer whether each tracker takes little enough in each run."""
    table = Table(title=f"{costs[None][0].episodes} episodes, {len(costs[None])} runs each: median (and worst)")
    for column in ("tracker", "run", "of it tracker", "share", "waited", "other processes", "target"):
        table.add_column(column, justify="left" if column == "tracker" else "right")
    all_small = True
    for name, runs in costs.items():
        run = f"{median(each.processor for each in runs):.2f} s"
        if name is None:
            table.add_row("none", run, *[""] * 5)
            continue
        shares, waits = [each.share for each in runs], [each.waited for each in runs]
        small = max(shares) < MOST_OF_A_RUN
        all_small = all_small and small
        table.add_row(
            name,
            run,
            f"{median(each.tracker for each in runs):.3f} s",
            f"{median(shares):.2%} ({max(shares):.2%})",
            f"{median(waits):.2f} s ({max(waits):.2f})",
            f"{median(each.others for each in runs):.2f} s",
            f"< {MOST_OF_A_RUN:.0%} {'[green]pass[/]' if small else '[red]FAIL[/]'}",
        )
    console.print(table)
    return all_small


def main() -> int:
    """Run, print the table, and answer 0 when the target is met."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--data", help="a file of bars; a synthetic market without it")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=JSON", help="another setting")
    parser.add_argument("--one", choices=("none", *TRACKERS), help="only this run, and print what it cost as JSON")
    asked = parser.parse_args()
    others = {key: json.loads(value) for key, _, value in (each.partition("=") for each in asked.set)}
    with TemporaryDirectory(dir=".", prefix="trackers-") as directory:  # where runs are kept: /tmp may be in memory
        if asked.one:
            name = None if asked.one == "none" else asked.one
            settings = {**defaults(), "DEVICE": "cpu", "DATA": asked.data, **others}
            print(json.dumps(asdict(cost_of(name, settings, Path(directory) / "run"))))
            return 0
        costs: dict[str | None, list[Cost]] = {
            None: [],
            **{name: [] for name in TRACKERS if find_spec(name) is not None},
        }
        for _ in range(asked.repeats):
            for name, runs in costs.items():
                command = [sys.executable, str(Path(__file__).resolve()), *sys.argv[1:], "--one", name or "none"]
                done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)  # noqa: S603  (this file)
                runs.append(Cost(**json.loads(done.stdout.splitlines()[-1])))
    small = show(costs, Console(width=110))
    if asked == parser.parse_args([]):
        record(
            "trackers.py", {name: median(each.share for each in runs) for name, runs in costs.items() if name}, "less"
        )
    return 0 if small else 1


if __name__ == "__main__":
    sys.exit(main())
