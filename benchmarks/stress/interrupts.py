"""Does the next call work after Ctrl-C at any line? One command; each interrupted call is counted, and one that does not fails it.

    python benchmarks/stress/interrupts.py                    # 100 lines of each kind of call, drawn by chance; some 40 minutes
    python benchmarks/stress/interrupts.py --every            # each line that is executed, at its first and at its last time; hours
    python benchmarks/stress/interrupts.py --tiny --every     # with buckets that learn one number, in place of the market's
    python benchmarks/stress/interrupts.py --quick            # one of each kind, with these; seconds

A run is begun (in this process, and isolated), resumed, or forked (as a copy, and as a new run that the parent teaches) by a
`ProgressiveTrainer`, or a `Study` trained, under a trace function, which raises KeyboardInterrupt before one line of this program's
packages, and in one call of three once more in what follows. As in a notebook the exceptions, and with them everything that the call held, stay alive. Then the same process calls again: where a run
was begun it is resumed, else it begins anew. It must end as the undisturbed run does (models to the byte, metrics and ledger but
for the clock), a fork's parent must be as it was, and the process: signal handlers, streams, logging, torch's modes, the garbage
collector, children and environment.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import linecache
import os
import random
import shutil
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

import psutil
import structlog
import torch
from attrs import fields_dict, frozen
from kill import contents, differences
from tiny_buckets import TinyBucket

from progressive_app.config.resolve import defaults
from progressive_app.machine.logs import current_log
from progressive_training import Interrupted, ProgressiveTrainer, RunError, Study

SMALL = {
    "SEQUENCE": ["Scalping", "Short"],
    "EPISODES": 2,
    "TRANSFER_COOLDOWN": 1,
    "SYNTHETIC_BARS": 3000,
    "HORIZON_RANGE": [1, 12],
    "PARALLEL_EPISODES": 8,
    "EPISODE_BARS": 64,
    "BATCH_SIZE": 64,
    "UPDATES_PER_EPISODE": 4,
    "REPLAY_CAPACITY": 2000,
    "DEVICE": "cpu",
}
PATIENCE = 280
"""Seconds that a call may take: one that waits for the lock of a file of the cache which nobody will release takes longer."""
OURS = (
    "progressive_core",
    "progressive_app",
    "progressive_studies",
    "progressive_front",
    "progressive_market",
    "progressive_buckets",
    "progressive_transfers",
    "progressive_plugins",
)
APART = ("isolated", "study")
"""Kinds of calls that take no plugins that are objects of this process."""
Call = Callable[[], object]
Make = Callable[..., ProgressiveTrainer]
"""A trainer, given its run directory, and by name a `progress` callback and settings."""


@frozen
class Line:
    """The `time`-th time that a line of a file is about to be executed."""

    file: str
    number: int
    time: int = 1

    def __str__(self) -> str:
        return f"{Path(self.file).name}:{self.number}" + (f", time {self.time}" if self.time > 1 else "")


def text_of(line: Line) -> str:
    """The source of a line."""
    return linecache.getline(line.file, line.number).strip()


def lines_of(call: Call) -> list[Line]:
    """Every line of this program that a call executes, at its first and its last time."""
    seen = Counter[tuple[str, int]]()

    def count(frame: FrameType) -> None:
        seen[frame.f_code.co_filename, frame.f_lineno] += 1

    _traced(call, count)
    return [Line(file, number, time) for (file, number), times in seen.items() for time in {1, times}]


def interrupted(call: Call, line: Line, again: int = 0) -> BaseException | None:
    """What came out of a call in which KeyboardInterrupt was raised before a line; None where nothing did.

    :param again: 0, or raised as a signal does it, soon after that line begins, and once more before the so manieth line after it.
    """
    times, since = 0, -1

    def interrupt(frame: FrameType) -> None:
        nonlocal times, since
        if since >= 0:
            since += 1
            if since == again:
                raise KeyboardInterrupt
        elif (frame.f_code.co_filename, frame.f_lineno) == (line.file, line.number):
            times += 1
            if times == line.time:
                since = 0
                _raise_soon() if again else _raise()

    try:
        _traced(call, interrupt)
    except BaseException as raised:  # noqa: BLE001  (whatever it is, the next call is looked at)
        return raised
    return None


def _raise() -> None:
    raise KeyboardInterrupt


def _raise_soon() -> None:
    """Raise it in this thread where the interpreter next looks for signals; a trace function that raises would be taken away."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(threading.get_ident()), ctypes.py_object(KeyboardInterrupt)
    )


def _traced(call: Call, on_line: Callable[[FrameType], None]) -> None:
    def trace(frame: FrameType, event: str, argument: object) -> Any:
        if not _is_ours(frame.f_code.co_filename):
            return None
        if event == "line":
            on_line(frame)
        return trace

    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(None)


def _is_ours(file: str) -> bool:
    return any(f"{os.sep}{name}{os.sep}" in file for name in OURS)


@frozen
class Process:
    """What a call is to leave as it was."""

    handlers: tuple[Any, ...]
    blocked: frozenset[int]
    streams: tuple[Any, Any]
    logging: Mapping[str, Any]
    log: object
    gradients: bool
    frozen_objects: int
    children: tuple[int, ...]
    environment: Mapping[str, str]

    @classmethod
    def now(cls) -> Process:
        children = psutil.Process().children(recursive=True)
        return cls(
            handlers=tuple(signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)),
            blocked=frozenset(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
            streams=(sys.stdout, sys.stderr),
            logging={key: value for key, value in structlog.get_config().items() if key != "processors"},
            log=current_log(),
            gradients=torch.is_grad_enabled(),
            frozen_objects=gc.get_freeze_count(),
            children=tuple(child.pid for child in children if _is_at_work(child)),
            environment=dict(os.environ),
        )

    def differs_from(self, before: Process) -> list[str]:
        """What is not as it was, in words."""
        return [f"{name} changed" for name in fields_dict(Process) if getattr(self, name) != getattr(before, name)]


def _is_at_work(child: psutil.Process) -> bool:
    """Whether a child is one that a call started and left, and neither Python's own tracker nor one that has ended."""
    try:
        return "resource_tracker" not in " ".join(child.cmdline())
    except psutil.Error:  # it has ended, and nobody has asked how
        return False


class Trial:
    """One kind of call, interrupted at lines, each time with a run of its own.

    :param begin: what to interrupt, given a directory for what it makes. :param next_call: what is called then, in the same
        directory; returns the run that is to be as the undisturbed one. :param lasting: nothing below it may change.
    """

    def __init__(
        self,
        folder: Path,
        begin: Callable[[Path], object],
        next_call: Callable[[Path], Path],
        lasting: Path | None = None,
    ) -> None:
        self.folder, self.begin, self.next_call, self.lasting = folder, begin, next_call, lasting
        self._number = 0
        self.expected = contents(next_call(self._directory()))
        self.lines = lines_of(lambda: begin(self._directory()))

    def _directory(self) -> Path:
        self._number += 1
        return self.folder / f"{self._number}"

    def fault(self, line: Line, again: int) -> str:
        """What is wrong after an interrupt, "" where nothing is."""
        directory, before = self._directory(), Process.now()
        parent = contents(self.lasting) if self.lasting else {}
        raised = interrupted(lambda: self.begin(directory), line, again)
        if raised is not None and not isinstance(raised, KeyboardInterrupt):
            return f"{type(raised).__name__} came out of it: {raised}"
        wrong = Process.now().differs_from(before)
        if self.lasting and contents(self.lasting) != parent:
            wrong.append("the parent of the fork changed")
        begun = time.monotonic()
        try:
            run = self.next_call(directory)
        except BaseException as error:  # noqa: BLE001  (shown)
            wrong.append(f"the next call failed: {type(error).__name__}: {error}")
        else:
            wrong += differences(contents(run), self.expected)
            raised = None  # until here it held all that the call had, as in a notebook
            gc.collect()
            late = differences(contents(run), self.expected)
            wrong += [f"{each} once the exception is gone" for each in late if each not in wrong]
        if time.monotonic() - begun > PATIENCE:
            wrong.append("the next call waited")
        shutil.rmtree(directory, ignore_errors=True)
        return "; ".join(wrong)


def begun_or_resumed(make: Make, directory: Path) -> Path:
    """The run in `directory`, begun anew or resumed where it was begun; to its end."""
    trainer = make(directory)
    try:
        trainer.train_progressively()
    except RunError as error:
        if "go on with --resume" not in str(error):
            raise
        trainer.resume()
    return directory


def trials(make: Make, half_a_run: Path, folder: Path) -> dict[str, Callable[[], Trial]]:
    """What prepares each kind of call, by name.

    :param half_a_run: an unfinished run, which is copied for each resume and is the parent of each fork.
    """

    def copied(directory: Path) -> Path:
        return Path(shutil.copytree(half_a_run, directory))

    def resume(directory: Path) -> object:
        return make(copied(directory)).resume()

    def go_on(directory: Path) -> Path:
        make(directory if directory.is_dir() else copied(directory)).resume()
        return directory

    def fork(directory: Path, **settings: Any) -> Path:
        trainer = make(half_a_run, RUNS_DIR=str(directory))
        trainer.resume(settings, fork=True)
        assert trainer.run_dir is not None
        return trainer.run_dir

    def begin(directory: Path, *, isolate: bool = False) -> object:
        return make(directory).train_progressively(isolate=isolate)

    def study(directory: Path) -> Path:
        asked: dict[str, Any] = {"seeds": [1, 2], "settings": {**defaults(), **SMALL}, "plugins": ["no:report"]}
        Study(directory, **({} if (directory / "plan.json").is_file() else asked)).train()
        return directory

    whole = partial(begun_or_resumed, make)
    other_seed = partial(fork, SEED=5)
    return {
        "begin": lambda: Trial(folder / "begin", begin, whole),
        "resume": lambda: Trial(folder / "resume", resume, go_on),
        "copy": lambda: Trial(folder / "copy", fork, fork, half_a_run),
        "taught": lambda: Trial(folder / "taught", other_seed, other_seed, half_a_run),
        "isolated": lambda: Trial(folder / "isolated", partial(begin, isolate=True), whole),
        "study": lambda: Trial(folder / "study", study, study),
    }


def trainer(
    run_dir: Path | None,
    progress: Callable[[str], None] = lambda _: None,
    plugins: Sequence[object] = (),
    **settings: Any,
) -> ProgressiveTrainer:
    """A trainer of two small buckets, which shows nothing."""
    asked = {**defaults(), **SMALL, **settings}
    return ProgressiveTrainer(progress, settings=asked, run_dir=run_dir, plugins=["no:report", *plugins])


TINY = partial(
    trainer, plugins=[TinyBucket("First", 1.0), TinyBucket("Second", 2.0)], SEQUENCE=["First", "Second"], EPISODES=2
)
"""The same of two buckets that learn one number."""


def half_a_run(make: Callable[..., ProgressiveTrainer], directory: Path) -> Path:
    """Train a run that stops in its second bucket."""

    def stop(line: str) -> None:
        if "episode 1 of" in line and len(names) == 2:
            made.interrupt()
        if "starting" in line:
            names.append(line)

    names = list[str]()
    made = make(directory, progress=stop)
    with suppress(Interrupted):
        made.train_progressively()
    return directory


def main(arguments: Sequence[str] | None = None) -> int:
    """Interrupt as often as asked, and print each call that failed, and how many did not.

    :return: 0, or 1 where one failed.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    amount = parser.add_mutually_exclusive_group()
    amount.add_argument("--count", type=int, default=100, help="lines of each kind of call (100)")
    amount.add_argument("--every", action="store_true", help="each line that is executed, at its first and last time")
    amount.add_argument("--quick", action="store_true", help="one line of each kind of call")
    parser.add_argument("--tiny", action="store_true", help="buckets that learn one number, in place of the market's")
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn by chance (0)")
    parser.add_argument("--kinds", nargs="+", default=[], metavar="KIND", help="of calls, by name; all")
    options = parser.parse_args(arguments)
    rng = random.Random(options.seed)  # noqa: S311
    faults = 0
    with TemporaryDirectory() as folder:
        make = TINY if options.quick or options.tiny else trainer
        half = half_a_run(make, Path(folder) / "half")
        kinds = trials(make, half, Path(folder))
        for name in options.kinds or [name for name in kinds if make is trainer or name not in APART]:
            trial = kinds[name]()
            count = len(trial.lines) if options.every else min(1 if options.quick else options.count, len(trial.lines))
            lines = rng.sample(trial.lines, count)
            begun, wrong = time.monotonic(), 0
            for line in lines:
                again = rng.choice((0, 0, rng.randint(1, 200)))
                if fault := trial.fault(line, again):
                    wrong += 1
                    print(
                        f"{name}, {line} `{text_of(line)}`{f' and {again} lines later' if again else ''}: {fault}",
                        flush=True,
                    )
            lasted = time.monotonic() - begun
            print(
                f"{name}: {len(lines) - wrong} of {len(lines)} next calls worked ({len(trial.lines)} lines, {lasted:.0f} s)",
                flush=True,
            )
            faults += wrong
    print(f"{faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
