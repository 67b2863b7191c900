"""Training: Ctrl-C once, or a terminal that is closed, stops at the end of the episode, Ctrl-C twice at once. Other long commands: whatever
asks them to end is as Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from types import FrameType
from typing import Any

from progressive_app.machine.terminal import leave_lost_terminal, print_error
from progressive_app.machine.undoing import undone_after
from progressive_core import PROGRAM

_HANG_UP = getattr(signal, "SIGHUP", None)
"""None on Windows."""
_SIGNALS = tuple(filter(None, (signal.SIGINT, signal.SIGTERM, _HANG_UP)))


class StopSignal:
    """The first signal that asked for an end, or None."""

    def __init__(self, interrupt: Callable[[], None]) -> None:
        self.number: int | None = None
        self._interrupt = interrupt
        self._is_asked = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if number == _HANG_UP:  # a shell, the kernel and a login manager may each send one, beside another signal
            leave_lost_terminal()
        elif self._is_asked:
            raise KeyboardInterrupt
        else:
            self._is_asked = True
        if self.number is not None:
            return
        self.number = number
        self._interrupt()
        line = f"{PROGRAM}: stopping after this episode; once more: at once\n"
        with suppress(OSError):  # nobody may be there to read it any more
            if sys.stderr is not sys.__stderr__:  # a live view has taken it, to show the line
                sys.stderr.write(line)
                return
            behind_the_echo = "\n" if os.isatty(2) else ""  # a terminal has just shown ^C
            os.write(2, (behind_the_echo + line).encode())  # a print may be what was interrupted: they cannot be nested

    @property
    def exit_code(self) -> int:
        """The exit code that a shell expects of a process ended by this signal."""
        return 128 + (self.number or signal.SIGINT)


@contextmanager
def stop_signal(interrupt: Callable[[], None]) -> Iterator[StopSignal]:
    """Call `interrupt` on the first SIGINT or SIGTERM, raise KeyboardInterrupt on the second; call it on SIGHUP, which never
    counts as the second.

    Signals that whoever started us has switched off (nohup, a shell's background jobs) stay off, and outside the main
    thread, where Python allows no handlers, nothing changes.
    """
    stop = StopSignal(interrupt)
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    with undone_after(partial(_put_back, before)):
        for number, handler in before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, stop)
        yield stop


class EndingSignal:
    """Which signal ended a command."""

    def __init__(self) -> None:
        self.number: int = signal.SIGINT

    def __call__(self, number: int, frame: FrameType | None) -> None:
        is_first = self.number == signal.SIGINT
        if is_first:
            self.number = number
        if number == _HANG_UP:  # a shell and the kernel may each send one
            leave_lost_terminal()
        if is_first or number != _HANG_UP:
            raise KeyboardInterrupt

    @property
    def exit_code(self) -> int:
        """The exit code that a shell expects of a process ended by this signal."""
        return 128 + self.number


@contextmanager
def ending_signal() -> Iterator[EndingSignal]:
    """Within it SIGTERM and SIGHUP raise KeyboardInterrupt, as Ctrl-C does; those that are switched off stay off.

    :raise SystemExit: with their exit code, where nobody catches it.
    """
    ended = EndingSignal()
    if threading.current_thread() is not threading.main_thread():
        yield ended
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS if number != signal.SIGINT}
    with undone_after(partial(_put_back, before)):
        for number, handler in before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, ended)
        try:
            yield ended
        except KeyboardInterrupt:
            if ended.number == signal.SIGINT:
                raise
            print_error("stopped")
            raise SystemExit(ended.exit_code) from None


def _put_back(handlers: Mapping[signal.Signals, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler or signal.SIG_DFL)
