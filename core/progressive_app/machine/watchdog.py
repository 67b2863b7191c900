"""Logs, while a call lasts, which plugin it is that does not come back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import Context, copy_context
from functools import partial

from attrs import define

from progressive_app.machine.logs import get_logger
from progressive_app.machine.undoing import undone_after

PATIENCE = 10.0
"""Seconds until the first line about a call; each further one comes when the call has lasted twice as long."""

log = get_logger()


@define(eq=False)
class _Call:
    what: str
    begun: float
    due: float
    context: Context


class Watchdog:
    """Looks at calls into plugins from a thread of its own.

    The thread sleeps until a line is due, and ends where it finds nothing to look at: a call costs some microseconds, and
    nobody has to close anything. A line goes where the caller's log goes.

    :param patience: seconds, PATIENCE by default. :param clock: seconds that only go forward.
    """

    def __init__(self, patience: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._given_patience = patience
        self._clock = clock
        self._calls: set[_Call] = set()
        self._looking = False
        self._lock = threading.RLock()  # an interrupt that left it taken leaves it to the same thread

    @contextmanager
    def over(self, what: str) -> Iterator[None]:
        """Within it, `what` is under way: whose code, and what it is to do."""
        now = self._clock()
        call = _Call(what, now, now + self._patience, copy_context())
        with undone_after(partial(self._calls.discard, call)):
            with self._lock:
                self._calls.add(call)
                if not self._looking:
                    threading.Thread(target=self._watch, name="plugin watchdog", daemon=True).start()
                    self._looking = True
            yield

    def look(self) -> float | None:
        """Log each call that has lasted too long.

        :return: seconds until the next look, None when there is nothing to look at.
        """
        with self._lock:
            now, calls = self._clock(), tuple(self._calls)  # which may end meanwhile
            late = [call for call in calls if call.due <= now]
            for call in late:
                call.due = now + (now - call.begun)
            self._looking = bool(calls)
            pause = min((call.due - now for call in calls), default=None)
        for call in late:
            call.context.run(_log_waiting, call.what, now - call.begun)
        return None if pause is None else min(pause, self._patience)

    @property
    def _patience(self) -> float:
        return PATIENCE if self._given_patience is None else self._given_patience

    def _watch(self) -> None:
        pause: float | None = self._patience
        while pause is not None:
            time.sleep(pause)
            pause = self.look()


def watched(what: str) -> AbstractContextManager[None]:
    """Within it, `what` is under way, and is logged when it lasts too long. One thread serves the whole process."""
    return _WATCHDOG.over(what)


def _log_waiting(what: str, seconds: float) -> None:
    log.warning("still waiting for a plugin; Ctrl-C twice ends that", waiting_for=what, seconds=round(seconds))


_WATCHDOG = Watchdog()
