"""What does a run's time go to, beside learning? One command, one run, one table, pass or fail.

    python benchmarks/overhead.py                        # a default run with the live console; under 2 minutes
    python benchmarks/overhead.py --data bars.parquet    # the same on bars of your own

Every function that belongs to a part of a run is wrapped while the run lasts, and what a part calls of another part is
counted there. Shares are of processor time of the thread that ran, which other programs change little (a busy cache does);
the target is held to them. The console draws a frame by the second on the wall: its frames count as many times as they would
in a run with a processor of its own. How long the run waited for the disk (fsync)
is printed beside them, without the time that the thread then waited for a processor, where Linux says that: it is as much
the disk's and other programs' as ours. Importing torch and pandas comes before the clock starts. The report has a line of its own and is not held to the target: one picture a run, with the
import of matplotlib, takes the same time however long the run is.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from functools import wraps
from inspect import getattr_static
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, thread_time
from typing import Any
from unittest.mock import patch

import torch
from attrs import frozen
from history import record
from rich.console import Console
from rich.table import Table

from progressive_app.config.resolve import defaults, with_settings
from progressive_app.machine import logs
from progressive_app.machine.local_machine import LocalMachine
from progressive_app.store.run_store import RunStore
from progressive_buckets.learner.critic import Critic
from progressive_buckets.learner.learner import MarketLearner
from progressive_buckets.learner.network import Shape
from progressive_buckets.market_bucket import MarketBucket
from progressive_core.engine import exchange
from progressive_core.plugins.hooks import Hooks
from progressive_market.judging.evaluator import MarketEvaluator
from progressive_plugins.console.console import ConsolePlugin
from progressive_plugins.console.screen import Screen
from progressive_plugins.report.observer import ReportPlugin
from progressive_training import BucketInfo, Knowledge, ProgressiveTrainer, Proof, TransferContext
from progressive_transfers import weights

MOST_OVERHEAD = 0.03
MOST_OF_A_COPY = 1.5
PARAMETERS = 1_000_000

LEARNING = ("update", "walk, memory, priors")
MEASURING = ("validation and evaluation", "transfers and measuring them", "bars")
FRAMES = "frames of the console"
OVERHEAD = ("checkpoints and models", "hooks and records", "logging", "console", FRAMES)
REPORT, REST = "report", "rest"
PARTS: dict[str, tuple[tuple[Any, str], ...]] = {
    "update": ((Critic, "learn"),),
    "walk, memory, priors": ((MarketLearner, "run_episode"),),
    "validation and evaluation": (
        *((MarketLearner, name) for name in ("consider", "validate", "knowledge", "keep_best", "model", "load")),
        (MarketEvaluator, "evaluate"),
    ),
    "transfers and measuring them": ((exchange, "transfer_knowledge"),),
    "bars": ((MarketBucket, "check"), (MarketBucket, "open")),
    "checkpoints and models": (
        (MarketLearner, "snapshot"),
        *((RunStore, name) for name in ("create", "close", "mark", "save_checkpoint", "save_model", "finish_bucket")),
        *((RunStore, name) for name in ("replace_result", "model", "knowledge")),
    ),
    "hooks and records": (
        *((Hooks, name) for name in ("on_bucket_start", "on_episode_end", "cleanup", "on_run_end")),
        *((RunStore, name) for name in ("record_episode", "record_transfer")),
        (LocalMachine, "memory_used"),
    ),
    REPORT: ((ReportPlugin, "on_run_end"),),
    "logging": ((logs._RunLog, "write"), (logs._RunLog, "report"), (logs._RunLog, "print")),
    "console": tuple((ConsolePlugin, name) for name in ("on_bucket_start", "on_episode_end", "cleanup", "on_run_end")),
    FRAMES: ((Screen, "draw"),),
}
ABSORBED = {("transfers and measuring them", "validation and evaluation")}
"""(outer, inner): the inner part counts as the outer one there."""


class Ledger:
    """Seconds by part: of the processor, and `waited` for the disk. Each thread has its own stack of parts; time counts
    for the innermost."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.waited: defaultdict[str, float] = defaultdict(float)
        self.calls: Counter[str] = Counter()
        self.waits = 0
        self._own = threading.local()

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count what happens within for `name`."""
        stack: list[list[Any]] = self._own.__dict__.setdefault("stack", [])
        outer = stack[-1][0] if stack else None
        name = outer if outer is not None and (outer, name) in ABSORBED else name
        stack.append([name, 0.0])
        begun = thread_time()
        try:
            yield
        finally:
            spent = thread_time() - begun
            _, nested = stack.pop()
            self.seconds[name] += spent - nested
            self.calls[name] += 1
            if stack:
                stack[-1][1] += spent

    def counted(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function`, which counts for the part `name`."""

        @wraps(function)
        def counting(*arguments: Any, **named: Any) -> Any:
            with self.part(name):
                return function(*arguments, **named)

        return counting

    def waiting(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function`, which waits for the disk."""

        @wraps(function)
        def waiting(*arguments: Any) -> Any:
            wall, used, queued = perf_counter(), thread_time(), _queued()
            try:
                return function(*arguments)
            finally:
                idle = (perf_counter() - wall) - (thread_time() - used) - (_queued() - queued)
                self.waited[self._own.stack[-1][0]] += max(0.0, idle)
                self.waits += 1

        return waiting


def _queued() -> float:
    """Seconds that this thread was ready to run and other programs had the processors; 0 where the system does not count them."""
    try:
        return int(Path("/proc/thread-self/schedstat").read_bytes().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0


class Terminal(io.StringIO):
    """A terminal that nobody looks at, so that the live console draws as it would on a real one."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@frozen
class Times:
    """One run: seconds of the processor and of waiting by part, calls by part, waits for the disk, seconds on the wall, episodes."""

    seconds: Mapping[str, float]
    waited: Mapping[str, float]
    calls: Mapping[str, int]
    waits: int
    wall: float
    episodes: int

    def share(self, *parts: str) -> float:
        """What `parts` take of the run's processor time."""
        others = sum(seconds for part, seconds in self.seconds.items() if part != FRAMES)
        frames = self.seconds.get(FRAMES, 0.0) * min(1.0, others / self.wall)
        counted = {**self.seconds, FRAMES: frames}
        return sum(counted.get(part, 0.0) for part in parts) / (others + frames)


def timed_run(settings: Mapping[str, Any], directory: Path) -> Times:
    """Train the sequence of `settings` in `directory`, as the command line would, and count where the time goes."""
    ledger = Ledger()
    with ExitStack() as stack:
        for part, functions in PARTS.items():
            for owner, name in functions:
                stack.enter_context(_wrapped(ledger, part, owner, name))
        stack.enter_context(patch.object(os, "fsync", ledger.waiting(os.fsync)))
        stack.enter_context(redirect_stdout(Terminal()))
        begun = perf_counter()
        with ledger.part(REST):
            ProgressiveTrainer(settings=settings, run_dir=directory, plugins=("console",)).train_progressively()
        wall = perf_counter() - begun
    episodes = len((directory / "metrics.jsonl").read_text().splitlines())
    return Times(ledger.seconds, ledger.waited, ledger.calls, ledger.waits, wall, episodes)


def _wrapped(ledger: Ledger, part: str, owner: Any, name: str) -> Any:
    found = getattr_static(owner, name)
    if isinstance(found, (classmethod, staticmethod)):
        return patch.object(owner, name, type(found)(ledger.counted(part, found.__func__)))
    return patch.object(owner, name, ledger.counted(part, found))


def show(times: Times, console: Console) -> bool:
    """Print the table of one run; answer whether the overhead is small enough."""
    table = Table(title=f"{times.episodes} episodes, {times.wall:.1f} s on the wall")
    for column in ("part", "processor s", "share", "waiting s", "calls"):
        table.add_column(column, justify="left" if column == "part" else "right")
    for part in (*LEARNING, *MEASURING, *OVERHEAD, REPORT, REST):
        taken, waited = (f"{counted.get(part, 0.0):.3f}" for counted in (times.seconds, times.waited))
        table.add_row(part, taken, f"{times.share(part):.2%}", waited, str(times.calls.get(part, 0)))
        if part in (LEARNING[-1], MEASURING[-1], OVERHEAD[-1]):
            table.add_section()
    overhead = times.share(*OVERHEAD)
    table.add_section()
    table.add_row(
        "hooks, records, logging, console, checkpoints", "", f"{overhead:.2%}", "", _verdict(overhead <= MOST_OVERHEAD)
    )
    console.print(table)
    idle = sum(times.waited.values())
    console.print(
        f"waiting for the disk: {times.waits} times, {idle:.2f} s, {idle / times.wall:.2%} of the time on the wall"
    )
    return overhead <= MOST_OVERHEAD


def million_parameters(origin: str) -> Knowledge:
    """What a network of about a million parameters, under the names that the learner gives them, can teach."""
    shape = Shape(features=20, scales=5, width=655, members=2, horizons=(1, 6, 24, 72))
    return Knowledge(
        origin=origin, t=4.0, weights={name: torch.randn(sizes) for name, sizes in shape.parameters().items()}
    )


def transfer_against_copy(rounds: int = 200) -> tuple[float, float]:
    """Seconds of the weight transfer, and of a plain copy of the same tensors, in turns on one thread: the fastest tenth,
    which other programs did not disturb."""
    source, target = million_parameters("source"), million_parameters("target")
    info = BucketInfo(
        name="target", horizons=(1,), sequence=("target",), episodes=1, seed=0, run_dir=Path(), settings=defaults()
    )
    proof = Proof(before=0.0, after=1.0, error=0.1)  # without one, nothing would travel
    context = TransferContext(phase="initial", episode=0, bucket=info, proof=proof)
    assert isinstance(weights.transfer(source, target, context), Knowledge)  # and no reason why nothing travels
    ways: Sequence[Callable[[], object]] = (
        lambda: weights.transfer(source, target, context),
        lambda: {name: tensor.clone() for name, tensor in source.weights.items()},
    )
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    seconds: list[list[float]] = [[], []]
    for number in range(rounds):
        turns = list(zip(ways, seconds, strict=True))
        for way, taken in turns if number % 2 else reversed(turns):
            begun = perf_counter()
            result = way()
            taken.append(perf_counter() - begun)
            del result
    torch.set_num_threads(threads)
    transfer, copy = (sorted(taken)[rounds // 10] for taken in seconds)
    return transfer, copy


def show_transfer(transfer: float, copy: float, console: Console) -> bool:
    """Print what a weight transfer costs beside a copy; answer whether that is little enough."""
    fast = transfer <= MOST_OF_A_COPY * copy
    size = million_parameters("any").nbytes // 4
    console.print(
        f"weight transfer of {size:,} parameters: {transfer * 1e3:.3f} ms, a copy of them {copy * 1e3:.3f} ms: "
        f"{transfer / copy:.2f} times {_verdict(fast)}"
    )
    return fast


def _verdict(passed: bool) -> str:
    return "[green]pass[/]" if passed else "[red]FAIL[/]"


def main() -> int:
    """Run, print the table, and answer 0 when both targets are met."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--data", help="a file of bars; a synthetic market without it")
    parser.add_argument("--episodes", type=int, default=defaults()["EPISODES"], help="of each bucket, at most")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=JSON", help="another setting")
    asked = parser.parse_args()
    others = {key: json.loads(value) for key, _, value in (each.partition("=") for each in asked.set)}
    settings = with_settings(defaults(), {"DATA": asked.data, "EPISODES": asked.episodes, **others})
    console = Console(width=100)
    with TemporaryDirectory(dir=".", prefix="overhead-") as directory:  # where runs are kept: /tmp may be in memory
        times = timed_run(settings, Path(directory) / "run")
    small = show(times, console)
    transfer, copy = transfer_against_copy()
    fast = show_transfer(transfer, copy, console)
    if asked == parser.parse_args([]):
        shares = {f"{part}, of the processor time of a default run": times.share(part) for part in (*OVERHEAD, REPORT)}
        record("overhead.py", {**shares, "weight transfer, of the time of a copy": transfer / copy}, "less")
    return 0 if fast and small else 1


if __name__ == "__main__":
    sys.exit(main())
