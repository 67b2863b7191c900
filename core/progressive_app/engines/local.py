"""The engine `local`: each attempt in a spawned process of its own, several at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing.connection import wait
from typing import Any

from progressive_app.engines.engine import Attempt, Ended, Line, Message
from progressive_app.engines.named import refuse_address
from progressive_app.engines.performing import perform_apart
from progressive_app.engines.slots import environment_of, slots_for
from progressive_app.engines.task import Task
from progressive_app.processes.child import PROGRESS, STOP, Parent
from progressive_app.processes.spawned import SpawnedProcess
from progressive_core.contract.errors import ProcessLost


class Local:
    """Spawned processes: what an attempt held goes with its process, and a kill loses that attempt alone."""

    def __init__(self, address: str | None = None) -> None:
        refuse_address("local", address)
        self._running: dict[str, tuple[SpawnedProcess, Callable[[], bool]]] = {}

    def slots(self, tasks: Sequence[Task], workers: int) -> int:
        return slots_for(tasks, workers)

    def place(self, slot: int) -> str:
        return f"worker {slot + 1}"

    def start(self, attempt: Attempt, wants_a_stop: Callable[[], bool]) -> None:
        name = attempt.task.name
        process = SpawnedProcess(f"{name}: its process", _perform, attempt, environment_of(attempt.slot))
        self._running[name] = process, wants_a_stop

    def poll(self, seconds: float, report: Callable[[Message], None]) -> None:
        if not self._running:
            return
        sent = wait([process.connection for process, _ in self._running.values()], seconds)
        for name in [name for name, (process, _) in self._running.items() if process.connection in sent]:
            self._hear(name, report)

    def _hear(self, name: str, report: Callable[[Message], None]) -> None:
        process, wants_a_stop = self._running[name]

        def reply(message: str, value: Any) -> Any:
            if message == PROGRESS:
                report(Line(name, value))
            return wants_a_stop() if message == STOP else None

        try:
            answered = process.answer(reply)
            if answered is None:
                return
            ended: Ended = answered[0]
        except ProcessLost as error:
            ended = Ended(task=name, status="lost", error=error)
        except Exception as error:  # noqa: BLE001  (what it returned cannot be sent, or the script that it imports has no guard)
            ended = Ended(task=name, status="failed", error=error)
        del self._running[name]
        process.end()
        report(ended)

    def end_all(self) -> None:
        for process, _ in self._running.values():
            process.ask_to_end()
        while self._running:
            self._running.popitem()[1][0].end()

    close = end_all


def _perform(parent: Parent, attempt: Attempt) -> Ended:
    """In the spawned process."""
    return perform_apart(attempt, partial(parent.ask, PROGRESS), parent.wants_a_stop)
