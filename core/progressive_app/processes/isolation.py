"""Each bucket in a process of its own, started anew: all that it held is gone with it, and who waits for it stays small.

The run's directory is what they hand each other, and its lock goes with it. The process asks before it goes on from a line
of progress and from an episode, so that a run is the same to the byte, and stops where it would have stopped.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from typing import Any

from attrs import evolve

from progressive_app.config.resolve import with_settings
from progressive_app.machine.device import resolve_device
from progressive_app.machine.logs import current_log, tell_no_more
from progressive_app.machine.terminal import show_cursor
from progressive_app.processes.failure import Failure
from progressive_app.processes.isolated import ENDED, LINE, RUN, STOP, Answer, Function, Task, find_device, train, work
from progressive_app.store.run_store import on_disk
from progressive_core.contract.errors import ProcessLost
from progressive_core.contract.plain import plain
from progressive_core.contract.protocols import Bucket
from progressive_core.engine.run import Interrupted, Run

GRACE = 10.0
"""Seconds that a process has to clean up when it is to end at once."""


def train_isolated(run: Run, bucket: Bucket) -> None:
    """`train_bucket`, in a process of its own.

    :raise ProcessLost: it did not live to say how the bucket ended. What it raised is raised here.
    """
    _hand_over(run, bucket.name, f"{bucket.name}: its process")


def in_order_found_apart(run: Run) -> Run:
    """`in_found_order`, in a process of its own."""
    _hand_over(run, None, "the process that was to find the order")
    settings = with_settings(run.settings, {"SEQUENCE": on_disk(run.store).config["SEQUENCE"]})
    buckets = {bucket.name: bucket for bucket in run.buckets}
    return evolve(run, buckets=[buckets[name] for name in settings["SEQUENCE"]], settings=settings)


def device_found_apart(setting: str) -> str:
    """`resolve_device`, in a process of its own where that takes torch."""
    if setting == "cpu":
        return resolve_device(setting)
    with _started("the process that was to look for a GPU", find_device, setting) as process:
        return str(process.served(_nothing))


def _nothing(what: str, value: Any) -> None:
    """It asks for nothing."""


def _hand_over(run: Run, bucket: str | None, who: str) -> None:
    """Have a process take the run, and take it back when that has ended."""
    log, told = current_log()
    task = Task(
        directory=run.store.directory,
        settings=plain(run.settings),
        device=run.device,
        bucket=bucket,
        compared=dict(run.compared),
        disabled=frozenset(run.hooks.disabled),
        log=log,
        told=told,
    )
    with ExitStack() as stack:
        process = stack.enter_context(_started(who, train, task))

        def reply(what: str, value: Any) -> Any:
            if what == LINE:
                run.progress(value)
            elif what == RUN:
                stack.enter_context(on_disk(run.store).lent())
                stack.callback(process.end)  # before the run is taken back
            return run.interrupted() if what == STOP else None

        answer: Answer = process.served(reply)
    run.hooks.disabled.update(answer.disabled)
    tell_no_more(answer.told)
    if answer.interrupted:
        raise Interrupted(run.store.directory)


class _Process:
    """A process at work on one thing. `who` opens the line that says that it is lost."""

    def __init__(self, who: str, function: Function, argument: Any) -> None:
        self._who = who
        context = get_context("spawn")  # a fork would inherit threads and a GPU in the middle of something
        self._connection, its_connection = context.Pipe()
        its_rope, self._rope = context.Pipe(duplex=False)
        self._process = context.Process(target=work, args=(its_connection, its_rope, function, argument), name=who)
        sys.stdout.flush()  # what it prints comes after what was printed here
        with _signals_held():
            self._process.start()
        its_connection.close()
        its_rope.close()

    def served(self, reply: Any) -> Any:
        """What the process answers at its end, once all that it asks in between has its reply.

        :raise ProcessLost: it ended without. What it raised is raised here, with its traceback as a note.
        """
        while True:
            try:
                what, value = self._connection.recv()
            except (EOFError, OSError):
                raise self._loss() from None
            if what == ENDED:
                break
            self._connection.send(reply(what, value))
        answer, failure = value
        if isinstance(failure, Failure):
            error = failure.error()
            error.add_note(f"{self._who}:\n{failure.traceback}")
            raise error
        return answer

    def _loss(self) -> ProcessLost:
        self._process.join(GRACE)
        code = self._process.exitcode or 0
        how = f"ended with status {code} and without a word"
        if code < 0:
            name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
            of_memory = ", as the system does when memory runs out" if name == "SIGKILL" else ""
            how = f"was ended by {name}{of_memory}"
        return ProcessLost(f"{self._who} {how}; its last checkpoint stands")

    def end(self) -> None:
        """Have it end at once, if it has not yet."""
        self._rope.close()
        self._connection.close()
        try:
            self._process.join(GRACE)
        finally:
            self._process.kill()
            self._process.join()
            if self._process.exitcode:  # it cleaned nothing up
                show_cursor()


@contextmanager
def _started(who: str, function: Function, argument: Any) -> Iterator[_Process]:
    process = _Process(who, function, argument)
    try:
        yield process
    finally:
        process.end()


@contextmanager
def _signals_held() -> Iterator[None]:
    """A process that is started in it sees none of these before it has said what it makes of them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
