"""The engine `here`: tasks in this process, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from progressive_app.engines.engine import Attempt, Line, Message
from progressive_app.engines.named import refuse_address
from progressive_app.engines.performing import perform
from progressive_app.engines.task import Task


class Here:
    """Runs each attempt while it is polled. A kill is the end of this process too: nothing is tried again."""

    def __init__(self, address: str | None = None) -> None:
        refuse_address("here", address)
        self._begun: list[tuple[Attempt, Callable[[], bool]]] = []

    def slots(self, tasks: Sequence[Task], workers: int) -> int:
        return 1

    def place(self, slot: int) -> str:
        return "here"

    def start(self, attempt: Attempt, wants_a_stop: Callable[[], bool]) -> None:
        self._begun.append((attempt, wants_a_stop))

    def poll(self, seconds: float, report: Callable[[Message], None]) -> None:
        if self._begun:
            attempt, wants_a_stop = self._begun.pop()
            report(perform(attempt, lambda line: report(Line(attempt.task.name, line)), wants_a_stop))

    def end_all(self) -> None:
        self._begun.clear()

    close = end_all
