"""What an engine must be able to do: run attempts at tasks, each in a slot, and report what becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol

from attrs import frozen

from progressive_app.engines.task import Task


@frozen(kw_only=True)
class Attempt:
    """One attempt at a task, in one of the `slots` (numbered from 0, as many as may run at once).

    `session` is of the call of `run_tasks`: a later attempt of the same one may take over what an earlier one holds.
    """

    task: Task
    number: int
    slot: int
    slots: int
    session: str


@frozen
class Line:
    """A line of progress of an attempt at `task`."""

    task: str
    text: str


@frozen(kw_only=True)
class Ended:
    """An attempt at `task` has ended; there are no more messages of it.

    :param value: what the function returned. :param error: what it raised (failed), or why there is no answer (lost).
    """

    task: str
    status: Literal["finished", "failed", "lost", "interrupted"]
    value: Any = None
    error: BaseException | None = None


Message = Line | Ended
"""What an engine reports of an attempt."""


class Engine(Protocol):
    """Runs attempts at tasks. One thread uses it."""

    def slots(self, tasks: Sequence[Task], workers: int) -> int:
        """How many of the tasks may run at once where `workers` are asked for: at least 1, and no more than fit."""

    def place(self, slot: int) -> str:
        """What a slot is called in messages: where it is."""

    def start(self, attempt: Attempt, wants_a_stop: Callable[[], bool]) -> None:
        """Begin an attempt, and return at once. `wants_a_stop` is what the worker's is to answer; it is called in this process."""

    def poll(self, seconds: float, report: Callable[[Message], None]) -> None:
        """Report what attempts have sent; wait for that for at most so long."""

    def end_all(self) -> None:
        """End at once whatever runs; none of it is left when this returns. The engine can be used again."""

    def close(self) -> None:
        """Let go of everything; the engine is not used afterwards."""
