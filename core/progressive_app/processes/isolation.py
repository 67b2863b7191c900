"""Work on a run in a spawned process: all memory that it held goes with it, and this process stays small.

The child opens the run's directory anew and takes over its lock. It waits for a reply after each line of progress and each
episode, so that the run is the same to the byte as one without, and stops at the same episode.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from multiprocessing import current_process, get_context
from typing import Any

from progressive_app.json_values import json_values
from progressive_app.machine.device import resolve_device
from progressive_app.machine.logs import current_log, has_progress, mark_as_shown
from progressive_app.machine.terminal import restore_terminal
from progressive_app.processes.child import (
    ENDED,
    EPISODE,
    PROGRESS,
    READY,
    STOP,
    Function,
    Outcome,
    Parent,
    Task,
    main,
    run_task,
)
from progressive_app.processes.failure import Failure
from progressive_app.store.run_store import on_disk
from progressive_core import PROGRAM
from progressive_core.contract.errors import ConfigError, ProcessLost
from progressive_core.contract.protocols import Bucket
from progressive_core.engine.run import Interrupted, Run

GRACE = 10.0
"""Seconds that a process has to clean up when it is to end at once."""


NO_GUARD = 97
"""The status with which a process of ours ends when the script that it imports trains at once."""
OURS = f"{PROGRAM}: "
"""How the names of our processes begin."""


def check_main_guard() -> None:
    """Refuse to train where a spawned process still imports the script that is to be guarded.

    :raise ConfigError: it does, in a process that another program spawned.
    :raise SystemExit: it does, in one of ours: the process that waits for it raises the error.
    """
    here = current_process()
    if not getattr(here, "_inheriting", False):  # how multiprocessing finds out that its own start is not done yet
        return
    if here.name.startswith(OURS):
        raise SystemExit(NO_GUARD)
    raise ConfigError(_no_guard())


def _no_guard() -> str:
    script = getattr(sys.modules.get("__main__"), "__file__", None) or "the script"
    return (
        f"{script}: each process that isolate=True or multiprocessing starts imports this script, and would train again: put "
        'what it does under `if __name__ == "__main__":`'
    )


def train_isolated(run: Run, bucket: Bucket, train: Callable[[Run, Bucket], object]) -> None:
    """`train(run, bucket)` in a spawned process, as `run_isolated` calls it."""
    run_isolated(run, partial(_train_named, train=train, name=bucket.name), f"{bucket.name}: its process")


def _train_named(run: Run, train: Callable[[Run, Bucket], object], name: str) -> None:
    train(run, next(bucket for bucket in run.buckets if bucket.name == name))


def run_isolated(run: Run, function: Callable[[Run], object], process_name: str) -> None:
    """`function(run)` in a spawned process; `run` is not to be used meanwhile.

    :param function: pickled, so it is a function of a module, or a `partial` of one. What it returns is dropped: what it is
        to leave, it commits to the run's store.
    :param process_name: opens the message about a process that was lost.
    :raise ProcessLost: the process ended without an answer. What `function` raised is raised here.
    """
    log, shown = current_log()
    task = Task(
        function=function,
        directory=run.store.directory,
        settings=json_values(run.settings),
        device=run.device,
        compared=dict(run.compared),
        disabled=run.hooks.disabled,
        log=log,
        shown=shown,
        on_episode=run.hooks.on_episode is not None,
        progress=has_progress(),
    )
    with ExitStack() as stack:
        process = stack.enter_context(_spawned(process_name, run_task, task))

        def reply(message: str, value: Any) -> Any:
            if message == PROGRESS:
                run.progress(value)
            elif message == EPISODE:
                return run.hooks.ask_on_episode(value)
            elif message == READY:
                stack.enter_context(on_disk(run.store).lent())
                stack.callback(process.end)  # before the run is taken back
            return run.interrupted() if message == STOP else None

        outcome: Outcome = process.serve(reply)
    run.hooks.disable(*outcome.disabled)
    mark_as_shown(outcome.shown)
    if outcome.interrupted:
        raise Interrupted(run.store.directory)


def resolve_device_isolated(setting: str) -> str:
    """`resolve_device`, in a spawned process where that takes torch."""
    if setting == "cpu":
        return resolve_device(setting)
    with _spawned("the process that was to look for a GPU", _resolve_device, setting) as process:
        return str(process.serve(lambda *_: None))


def _resolve_device(parent: Parent, setting: str) -> str:
    return resolve_device(setting)


class _Process:
    """A spawned process. `name` opens the message that it was lost."""

    def __init__(self, name: str, function: Function, argument: Any) -> None:
        self._name = name
        context = get_context("spawn")  # a fork would inherit threads and a GPU in the middle of something
        self._connection, child_connection = context.Pipe()
        child_watched, self._watched = context.Pipe(duplex=False)
        arguments = (child_connection, child_watched, function, argument)
        self._process = context.Process(target=main, args=arguments, name=f"{OURS}{name}")
        sys.stdout.flush()  # what it prints comes after what was printed here
        with _signals_blocked():
            self._process.start()
        child_connection.close()
        child_watched.close()

    def serve(self, reply: Callable[[str, Any], Any]) -> Any:
        """Reply to each message of the process until it ends, and return what its function returned.

        :raise ProcessLost: it ended without an answer. What its function raised is raised here, its traceback as a note.
        :raise ConfigError: the script that it imports has no guard.
        """
        while True:
            try:
                message, value = self._connection.recv()
            except (EOFError, OSError):
                raise self._loss() from None
            if message == ENDED:
                break
            self._connection.send(reply(message, value))
        answer, failure = value
        if isinstance(failure, Failure):
            error = failure.error()
            error.add_note(f"{self._name}:\n{failure.traceback}")
            raise error
        return answer

    def _loss(self) -> ProcessLost | ConfigError:
        self._process.join(GRACE)
        code = self._process.exitcode or 0
        if code == NO_GUARD:
            return ConfigError(_no_guard())
        how = f"ended with status {code} and without an answer"
        if code < 0:
            name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
            of_memory = ", as the system does when memory runs out" if name == "SIGKILL" else ""
            how = f"was ended by {name}{of_memory}"
        return ProcessLost(f"{self._name} {how}; its last checkpoint stands")

    def end(self) -> None:
        """Have it end at once, if it has not yet."""
        self._watched.close()
        self._connection.close()
        try:
            self._process.join(GRACE)
        finally:
            self._process.kill()
            self._process.join()
            if self._process.exitcode:  # it cleaned nothing up
                restore_terminal()


@contextmanager
def _spawned(name: str, function: Function, argument: Any) -> Iterator[_Process]:
    process = _Process(name, function, argument)
    try:
        yield process
    finally:
        process.end()


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """Block SIGINT and SIGTERM: a process started within receives none before it has set its handlers."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
