"""What goes on in a bucket's own process: it takes the run, trains the one bucket, and says how that ended."""

from __future__ import annotations

import os
import signal
import threading
from _thread import interrupt_main
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import FrameType
from typing import Any

from attrs import frozen

from progressive_app.config.resolve import defaults, overlay
from progressive_app.machine.device import resolve_device
from progressive_app.machine.local_machine import LocalMachine
from progressive_app.machine.logs import configure_logging, current_log, log_to
from progressive_app.machine.memory import all_that_is_here_stays
from progressive_app.processes.failure import failure_of
from progressive_app.store.run_store import RunStore
from progressive_core.engine.run import Interrupted, Run
from progressive_core.engine.sequence import train_bucket
from progressive_core.plugins.hooks import Hooks
from progressive_core.plugins.registry import Registry
from progressive_studies.curriculum import in_found_order

Function = Callable[["Caller", Any], Any]
LINE, STOP, RUN, ENDED = "line", "stop", "run", "ended"
"""What the process says: a line of progress; whether it is to stop; that it is ready to take the run; that it has ended."""


@frozen(kw_only=True)
class Task:
    """What the process is to do. `bucket` is None where the order is to be found; `settings` are JSON values; `disabled`
    are the plugins that failed before, `told` the warnings that the user knows, which go on to `log`."""

    directory: Path
    settings: Mapping[str, Any]
    device: str
    bucket: str | None
    compared: Mapping[str, int]
    disabled: frozenset[str]
    log: Path | None
    told: frozenset[str]


@frozen(kw_only=True)
class Answer:
    """What the next process must know, or that this one stopped behind a checkpoint, as it was asked to."""

    disabled: frozenset[str]
    told: frozenset[str]
    interrupted: bool


class Caller:
    """The process that waits for this one. It is asked, and answers: what it does in between is done before we go on."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stop_asked = False

    def on_stop(self, number: int, frame: FrameType | None) -> None:
        """A signal asks this process alone for an end."""
        self._stop_asked = True

    def ask(self, what: str, value: Any = None) -> Any:
        """Its answer.

        :raise KeyboardInterrupt: it is gone, or wants an end at once.
        """
        try:
            self._connection.send((what, value))
            return self._connection.recv()
        except (EOFError, OSError):
            raise KeyboardInterrupt from None

    def wants_a_stop(self) -> bool:
        """Whether training is to stop behind the next checkpoint."""
        return self._stop_asked or bool(self.ask(STOP))


class _Rope:
    """What holds this process to the other one, which lets go of it to have an end at once.

    Ctrl-C on a terminal reaches both: here it means nothing until the other one says so.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._cut = False
        self.untied = False

    def hold(self) -> None:
        """In a thread of its own: end the work when the rope is let go of, and the process when the other one is gone."""
        with suppress(EOFError, OSError):
            self._connection.recv()
        self._cut = True
        if not self.untied:
            _interrupt_main_thread()
        other = parent_process()
        assert other is not None  # who has a rope was started
        wait([other.sentinel])
        os._exit(1)

    def on_interrupt(self, number: int, frame: FrameType | None) -> None:
        if self._cut and not self.untied:
            self.untied = True  # once: what is cleaned up is not disturbed again
            raise KeyboardInterrupt


def _interrupt_main_thread() -> None:
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)  # wakes it from a sleep, too
    else:
        interrupt_main()


def work(connection: Connection, rope: Connection, function: Function, argument: Any) -> None:
    """The process: call `function`, and say what came of it."""
    configure_logging()
    caller, held = Caller(connection), _Rope(rope)
    signal.signal(signal.SIGINT, held.on_interrupt)
    signal.signal(signal.SIGTERM, caller.on_stop)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
    threading.Thread(target=held.hold, name="rope", daemon=True).start()
    answer, failure = None, None
    try:
        answer = function(caller, argument)
    except BaseException as error:  # noqa: BLE001  (it is raised again where somebody can do something about it)
        failure = failure_of(error)
    held.untied = True
    with suppress(OSError):
        connection.send((ENDED, (answer, failure)))


def find_device(caller: Caller, setting: str) -> str:
    """What DEVICE means here, for a process that is to do without torch."""
    return resolve_device(setting)


def train(caller: Caller, task: Task) -> Answer:
    """Train the bucket of the task, or find the order, as it is done where nothing is isolated."""
    settings = overlay(defaults(), task.settings, "the settings of the run")
    registry = Registry(settings["PLUGINS"], settings["TRANSFERS"], settings["PLUGIN_ERRORS"])
    registry.left_out.clear()  # that was told
    hooks = Hooks(registry, settings["PLUGIN_ERRORS"])
    hooks.disabled.update(task.disabled)
    import torch  # noqa: F401  (before the run is taken: the time in which nobody has it is short)

    caller.ask(RUN)
    store = RunStore.open(task.directory)
    interrupted = False
    try:
        with log_to(task.log, task.told), all_that_is_here_stays():
            run = Run(
                buckets=[registry.bucket(name) for name in settings["SEQUENCE"]],
                settings=settings,
                device=task.device,
                hooks=hooks,
                store=store,
                machine=LocalMachine(),
                teachers=store.teachers(),
                progress=lambda line: caller.ask(LINE, line),
                interrupted=caller.wants_a_stop,
                compared=task.compared,
            )
            try:
                if task.bucket is None:
                    in_found_order(run)
                else:
                    train_bucket(run, next(each for each in run.buckets if each.name == task.bucket))
            except Interrupted:
                interrupted = True
            known = current_log()[1]
    finally:
        store.close()
    return Answer(disabled=frozenset(hooks.disabled), told=known, interrupted=interrupted)
