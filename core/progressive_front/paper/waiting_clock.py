"""The time, and waiting: one object, which tests replace."""

from __future__ import annotations

import time

JUMP = 60.0
"""Seconds by which the time of day and that of waiting may differ before it is said."""


class Clock:
    """The machine's."""

    def now(self) -> int:
        """Nanoseconds since 1970."""
        return time.time_ns()

    def wait(self, seconds: float) -> float:
        """Wait so long, and return by how many seconds the time of day moved on more than that: of a machine that slept, or whose clock was set."""
        day, waited = time.time(), time.monotonic()
        time.sleep(max(0.0, seconds))
        return (time.time() - day) - (time.monotonic() - waited)
