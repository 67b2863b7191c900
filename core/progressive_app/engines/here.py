"""The engine `here`: tasks in this process, one after the other."""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from progressive_app.engines.engine import Attempt, Ended, Line, Message
from progressive_app.engines.named import refuse_address
from progressive_core.contract.errors import ProcessLost
from progressive_core.engine.run import Interrupted


@frozen
class _Worker:
    attempt: int
    progress: Callable[[str], None]
    wants_a_stop: Callable[[], bool]


class Here:
    """Runs each attempt while it is polled. A kill is the end of this process too: nothing is tried again."""

    most = 1

    def __init__(self, address: str | None = None) -> None:
        refuse_address("here", address)
        self._begun: list[tuple[Attempt, Callable[[], bool]]] = []

    def place(self, slot: int) -> str:
        return "here"

    def start(self, attempt: Attempt, wants_a_stop: Callable[[], bool]) -> None:
        self._begun.append((attempt, wants_a_stop))

    def poll(self, seconds: float, report: Callable[[Message], None]) -> None:
        if self._begun:
            attempt, wants_a_stop = self._begun.pop()
            report(_run(attempt, wants_a_stop, report))

    def end_all(self) -> None:
        self._begun.clear()

    close = end_all


def _run(attempt: Attempt, wants_a_stop: Callable[[], bool], report: Callable[[Message], None]) -> Ended:
    task = attempt.task
    worker = _Worker(attempt.number, lambda line: report(Line(task.name, line)), wants_a_stop)
    try:
        value = task.function(worker, task.argument)
    except Interrupted:
        return Ended(task=task.name, status="interrupted")
    except ProcessLost as error:
        return Ended(task=task.name, status="lost", error=error)
    except Exception as error:  # noqa: BLE001  (whoever gets the task's end decides)
        return Ended(task=task.name, status="failed", error=error)
    return Ended(task=task.name, status="finished", value=value)
