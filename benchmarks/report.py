"""What does a report cost? One command, one table, pass or fail.

    python benchmarks/report.py            # a default run, and all four buckets on four million one-minute bars; half an hour
    python benchmarks/report.py --quick    # does it run: a minute, numbers without meaning

Each run has a process of its own. Counted as the report's: what the judged strategies did, as it is taken down and written when a
bucket is judged, and all that is made at the end of the run. Memory is by how much the process's peak grows in that time: the
recording lies within what judging holds already, so it counts where it exceeds what training took before.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import wraps
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any
from unittest.mock import patch

from attrs import define, frozen
from history import record
from rich.console import Console
from rich.table import Table
from rivals.growth import write_bars

from progressive_market.accounts import strategy_account
from progressive_market.judging import evaluator
from progressive_plugins.report.observer import ReportPlugin
from progressive_training import ProgressiveTrainer

MANY = 4_000_000
MOST_SHARE, MOST_SECONDS, MOST_PAGE, MOST_MEMORY = 0.05, 0.5, 5e6, 300e6
"""Share of the run on many bars, seconds of a default run, bytes of a page, bytes above the peak."""
PEAK_UNIT = 1024 if sys.platform == "linux" else 1


@frozen
class Cost:
    """Seconds of a `run` and of its report in it, bytes of its page, and bytes by which the report raised the process's peak."""

    bars: str
    run: float
    report: float
    page: int
    memory: int

    @property
    def passes(self) -> bool:
        """Whether the targets are met."""
        fast = self.report <= MOST_SECONDS if self.bars == "default" else self.report <= MOST_SHARE * self.run
        return fast and self.page <= MOST_PAGE and self.memory <= MOST_MEMORY


@define
class Meter:
    """Adds up the seconds within what it measures, and by how much the peak of memory grew there."""

    seconds: float = 0.0
    memory: int = 0

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, measured."""

        @wraps(function)
        def measured(*arguments: Any, **named: Any) -> Any:
            start, before = perf_counter(), _peak()
            try:
                return function(*arguments, **named)
            finally:
                self.seconds += perf_counter() - start
                self.memory += _peak() - before

        return measured


@contextmanager
def measured_report() -> Iterator[Meter]:
    """Within it, what makes a report is measured."""
    meter = Meter()
    with ExitStack() as patches:
        for owner, name in (
            (evaluator, "part_account"),
            (strategy_account.StrategyAccount, "write"),
            (ReportPlugin, "on_run_end"),
        ):
            around = meter.around(getattr(owner, name))
            patches.enter_context(patch.object(owner, name, around))
        yield meter


def trained(name: str, settings: dict[str, Any], folder: Path) -> Cost:
    """Train the default sequence with these settings, in this process."""
    trainer = ProgressiveTrainer(settings=settings, run_dir=folder / "run")
    start = perf_counter()
    with measured_report() as meter:
        trainer.train_progressively()
    page = (folder / "run" / "report.html").stat().st_size
    return Cost(name, perf_counter() - start, meter.seconds, page, meter.memory)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, and answer 0 when every target is met."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--quick", action="store_true", help="few bars: shows that it runs, nothing else")
    asked = parser.parse_args(arguments)
    bars = 30_000 if asked.quick else MANY
    short = {"EPISODES": 2, "UPDATES_PER_EPISODE": 2, "SYNTHETIC_BARS": 12_000} if asked.quick else {}
    with TemporaryDirectory(prefix="report-") as folder:
        path = Path(folder) / "bars.parquet"
        alone(write_bars, {bars: path})
        costs = [
            alone(trained, "default", short, Path(folder) / "default"),
            alone(trained, f"{bars:,}", {**short, "DATA": str(path)}, Path(folder) / "many"),
        ]
    table = Table(title="What a report costs")
    for column in ("bars", "run s", "report s", "share", "page MB", "above the peak MB", ""):
        table.add_column(column, justify="right")
    for each in costs:
        table.add_row(
            each.bars,
            f"{each.run:.1f}",
            f"{each.report:.2f}",
            f"{each.report / each.run:.1%}",
            f"{each.page / 1e6:.2f}",
            f"{each.memory / 1e6:.0f}",
            "pass" if each.passes else "FAIL",
        )
    Console(width=100).print(table)
    if not asked.quick:
        record("report.py", {f"report, of a run on {each.bars} bars": each.report / each.run for each in costs}, "less")
    return 0 if all(each.passes for each in costs) else 1


def alone(function: Callable[..., Any], *arguments: Any) -> Any:
    """The function's answer, from a process of its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * PEAK_UNIT


if __name__ == "__main__":
    sys.exit(main())
