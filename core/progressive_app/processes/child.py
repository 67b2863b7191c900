"""What runs in the spawned process: it calls the function that it is handed, and reports to its parent meanwhile."""

from __future__ import annotations

import os
import signal
import threading
from _thread import interrupt_main
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from pickle import PicklingError
from types import FrameType
from typing import Any

from progressive_app.machine.logs import configure_logging
from progressive_app.processes.failure import failure_of

Function = Callable[["Parent", Any], Any]
"""What a process may be started with; pickled, so it is a function of a module, or a `partial` of one."""
PROGRESS, EPISODE, STOP, READY, ENDED = "progress", "episode", "stop", "ready", "ended"
"""Messages to the parent: a line of progress; a report for `on_episode`; whether to stop; that it is ready to open the run; that it has ended."""


class Parent:
    """The process that started this one and waits for it. Each message has a reply, so that the two work in turn."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stop_asked = False

    def on_stop(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal that was sent to this process alone: stop behind the next checkpoint."""
        self._stop_asked = True

    def ask(self, message: str, value: Any = None) -> Any:
        """Send a message and return the reply.

        :raise KeyboardInterrupt: the parent is gone, or closed the connection to end this process at once.
        """
        try:
            self._connection.send((message, value))
            return self._connection.recv()
        except (EOFError, OSError):
            raise KeyboardInterrupt from None

    def wants_a_stop(self) -> bool:
        """Whether training is to stop behind the next checkpoint."""
        return self._stop_asked or bool(self.ask(STOP))


class ParentWatch:
    """Stops this process when its parent dies or asks.

    The parent asks by closing its end of `connection`: the work is then interrupted once, and may clean up. Ctrl-C on a
    terminal reaches both processes; this one ignores it until the parent asks.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stop_asked = False
        self.interrupted = False
        """Set also when the work is done, so that nothing interrupts what follows it."""

    def watch(self) -> None:
        """Interrupt the work when the parent asks, and exit when it is gone. Runs in a thread of its own."""
        with suppress(EOFError, OSError):
            self._connection.recv()
        self._stop_asked = True
        if not self.interrupted:
            _interrupt_main_thread()
        parent = parent_process()
        assert parent is not None  # this process was started by one
        wait([parent.sentinel])
        os._exit(1)

    def on_interrupt(self, number: int, frame: FrameType | None) -> None:
        """Handle SIGINT."""
        if self._stop_asked and not self.interrupted:
            self.interrupted = True  # once: cleaning up is not interrupted again
            raise KeyboardInterrupt


def _interrupt_main_thread() -> None:
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)  # also ends a sleep
    else:
        interrupt_main()


def main(connection: Connection, watched: Connection, function: Function, argument: Any) -> None:
    """Call `function` with the parent and `argument`, and send what it returned or raised."""
    configure_logging()
    parent, watch = Parent(connection), ParentWatch(watched)
    signal.signal(signal.SIGINT, watch.on_interrupt)
    for number in filter(None, (signal.SIGTERM, getattr(signal, "SIGHUP", None))):  # Windows has no SIGHUP
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            signal.signal(number, parent.on_stop)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    threading.Thread(target=watch.watch, name="parent watch", daemon=True).start()
    answer, failure = None, None
    try:
        answer = function(parent, argument)
    except BaseException as error:  # noqa: BLE001  (the parent raises it again)
        failure = failure_of(error)
    watch.interrupted = True
    with suppress(OSError):
        try:
            connection.send((ENDED, (answer, failure)))
        except (AttributeError, TypeError, PicklingError) as error:  # what it returned is of this process alone
            connection.send((ENDED, (None, failure_of(error))))
