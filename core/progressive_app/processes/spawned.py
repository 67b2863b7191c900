"""A spawned process that calls a function, and what it reports meanwhile."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing import current_process, get_context, resource_tracker
from types import MappingProxyType
from typing import Any

from progressive_app.machine.terminal import restore_terminal
from progressive_app.machine.undoing import note_undo, undone_after
from progressive_app.processes.child import ENDED, Function, main
from progressive_app.processes.failure import Failure
from progressive_core import PROGRAM
from progressive_core.contract.errors import ConfigError, ProcessLost

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
        f"{script}: each process that isolate=True, workers or multiprocessing start imports this script, and would train again: put "
        'what it does under `if __name__ == "__main__":`'
    )


class SpawnedProcess:
    """A process that calls `function` with the `argument`, both pickled.

    :param name: opens the message that it was lost. :param environment: variables that it starts with, over those of this process.
    """

    def __init__(
        self, name: str, function: Function, argument: Any, environment: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self._name = name
        context = get_context("spawn")  # a fork would inherit threads and a GPU in the middle of something
        self.connection, child_connection = context.Pipe()
        child_watched, self._watched = context.Pipe(duplex=False)
        arguments = (child_connection, child_watched, function, argument)
        self._process = context.Process(target=main, args=arguments, name=f"{OURS}{name}")
        sys.stdout.flush()  # what it prints comes after what was printed here
        self._forget = note_undo(self.end)
        with _signals_blocked(), _environment(environment):
            self._process.start()
        child_connection.close()
        child_watched.close()

    def serve(self, reply: Callable[[str, Any], Any]) -> Any:
        """Reply to each message of the process until it ends, and return what its function returned.

        :raise ProcessLost: it ended without an answer. What its function raised is raised here, its traceback as a note.
        :raise ConfigError: the script that it imports has no guard.
        """
        while (ended := self.answer(reply)) is None:
            pass
        return ended[0]

    def answer(self, reply: Callable[[str, Any], Any]) -> tuple[Any] | None:
        """Reply to one message of the process; where it was its last, what its function returned, in a tuple.

        :raise ProcessLost, ConfigError: as `serve`.
        """
        try:
            message, value = self.connection.recv()
        except (EOFError, OSError):
            raise self._loss() from None
        if message != ENDED:
            with suppress(OSError):  # it was killed since: there is no further message
                self.connection.send(reply(message, value))
            return None
        returned, failure = value
        if isinstance(failure, Failure):
            error = failure.error()
            error.add_note(f"{self._name}:\n{failure.traceback}")
            raise error
        return (returned,)

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

    def ask_to_end(self) -> None:
        """Have it end at once, without waiting for that."""
        self._watched.close()
        self.connection.close()

    def end(self) -> None:
        """Have it end at once, if it has not yet, and wait until it has."""
        self.ask_to_end()
        if self._process.pid is not None:  # else an interrupt came before it was started
            try:
                self._process.join(GRACE)
            finally:
                self._process.kill()
                self._process.join()
                if self._process.exitcode:  # it cleaned nothing up
                    restore_terminal()
        self._forget()


@contextmanager
def spawned(name: str, function: Function, argument: Any) -> Iterator[SpawnedProcess]:
    """A spawned process that has ended when the context does."""
    process = SpawnedProcess(name, function, argument)
    try:
        yield process
    finally:
        process.end()


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """Block SIGINT, SIGTERM and SIGHUP: a process started within receives none before it has set its handlers."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # here: the first start of it lets the first two through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with undone_after(partial(signal.pthread_sigmask, signal.SIG_SETMASK, before)):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
        yield


@contextmanager
def _environment(changes: Mapping[str, str]) -> Iterator[None]:
    """A process started within has these variables from its first line on: what it imports may read them."""
    with undone_after(partial(_restore_environment, {name: os.environ.get(name) for name in changes})):
        os.environ.update(changes)
        yield


def _restore_environment(before: Mapping[str, str | None]) -> None:
    for name, value in before.items():
        os.environ.pop(name, None) if value is None else os.environ.update({name: value})
