"""Run tasks on an engine: as many at once as there are slots, each after those that it needs."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence

from attrs import evolve, frozen

from progressive_app.engines.engine import Attempt, Ended, Engine, Line, Message
from progressive_app.engines.task import EventKind, Task, TaskEnd, TaskEvent
from progressive_core.contract.errors import ConfigError, ProcessLost

MOST_ATTEMPTS = 5
"""How often a task is begun whose worker is lost."""
_POLL = 0.5
"""Seconds that an engine is waited for before a stop is looked for."""


def run_tasks(
    tasks: Sequence[Task],
    engine: Engine,
    *,
    workers: int = 1,
    interrupted: Callable[[], bool] = lambda: False,
    on_event: Callable[[TaskEvent], object],
) -> dict[str, TaskEnd]:
    """Run the tasks, in their order where they do not wait for others, and return how each ended, by name.

    A task that fails stops no other. When `interrupted` answers true, what runs stops behind a checkpoint and nothing is
    begun. Ctrl-C, or an error of `on_event`, ends all at once.

    :param workers: how many at once, at most. :param on_event: gets every event, in this thread.
    :raise ConfigError: two tasks have one name, or tasks wait for each other in a circle.
    """
    _check(tasks)
    most = engine.slots(tasks, max(1, min(workers, len(tasks))))
    run = _Running(tasks, engine, most, interrupted, on_event)
    try:
        while run.goes_on():
            engine.poll(_POLL, run.on_message)
    finally:
        engine.end_all()
    return {task.name: run.ends[task.name] for task in tasks}


def _check(tasks: Sequence[Task]) -> None:
    names = [task.name for task in tasks]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ConfigError(f"{twice}: two tasks have this name; give each its own")
    waiting = {task.name: set(task.after) & set(names) for task in tasks}
    while free := [name for name, after in waiting.items() if not after & waiting.keys()]:
        for name in free:
            del waiting[name]
    if waiting:
        raise ConfigError(f"{', '.join(waiting)}: these tasks wait for each other; take one `after` away")


@frozen
class _Begun:
    attempt: Attempt
    at: float


class _Running:
    """Which tasks wait, run and have ended."""

    def __init__(
        self,
        tasks: Sequence[Task],
        engine: Engine,
        most: int,
        interrupted: Callable[[], bool],
        on_event: Callable[[TaskEvent], object],
    ) -> None:
        self.ends: dict[str, TaskEnd] = {}
        self._waiting = {task.name: task for task in tasks}
        self._begun: dict[str, _Begun] = {}
        self._attempts = dict.fromkeys(self._waiting, 0)
        self._engine, self._most = engine, most
        self._session = secrets.token_hex(8)
        self._interrupted, self._on_event = interrupted, on_event

    def goes_on(self) -> bool:
        """Begin what can be begun; whether anything runs."""
        ended = -1
        while ended != len(self.ends):  # one that is skipped may come before what it was waiting for
            ended = len(self.ends)
            self._look_through_waiting()
        return bool(self._begun)

    def _look_through_waiting(self) -> None:
        for name, task in list(self._waiting.items()):
            before = [other for other in task.after if other in self._attempts]
            if self._interrupted():
                self._end(name, TaskEnd(status="interrupted", attempts=self._attempts[name]))
            elif bad := [other for other in before if other in self.ends and self.ends[other].status != "finished"]:
                self._end(name, TaskEnd(status="skipped"), f"{bad[0]} did not finish")
            elif len(self._begun) < self._most and self.ends.keys() >= {*before}:
                self._begin(self._waiting.pop(name))

    def _begin(self, task: Task) -> None:
        self._attempts[task.name] += 1
        slot = min({*range(self._most)} - {each.attempt.slot for each in self._begun.values()})
        attempt = Attempt(
            task=task, number=self._attempts[task.name], slot=slot, slots=self._most, session=self._session
        )
        self._begun[task.name] = _Begun(attempt, time.monotonic())
        self._event(task.name, "started")
        self._engine.start(attempt, self._interrupted)

    def on_message(self, message: Message) -> None:
        """Take a message of the engine."""
        if isinstance(message, Line):
            self._event(message.task, "progress", message.text)
        else:
            self._take_end(message)

    def _take_end(self, message: Ended) -> None:
        name, begun = message.task, self._begun[message.task]
        seconds, attempts = time.monotonic() - begun.at, self._attempts[name]
        if message.status == "interrupted" and not self._interrupted():  # somebody ended its worker, not this program
            lost = ProcessLost(f"{name}: its worker was asked to stop; its last checkpoint stands")
            message = evolve(message, status="lost", error=lost)
        line = str(message.error) if message.error is not None else ""
        if message.status == "lost" and attempts < MOST_ATTEMPTS:
            self._event(name, "lost", line)
            del self._begun[name]
            self._waiting = {name: begun.attempt.task, **self._waiting}  # the first to be begun again
            return
        end = TaskEnd(
            status="failed" if message.status == "lost" else message.status,
            value=message.value,
            error=message.error,
            attempts=attempts,
            seconds=seconds,
        )
        self._end(name, end, line)

    def _end(self, name: str, end: TaskEnd, line: str = "") -> None:
        self.ends[name] = end
        self._waiting.pop(name, None)
        self._event(name, end.status, line)
        self._begun.pop(name, None)

    def _event(self, name: str, kind: EventKind, line: str = "") -> None:
        event = TaskEvent(task=name, kind=kind, line=line, attempt=self._attempts[name])
        if (begun := self._begun.get(name)) is not None:
            worker, seconds = self._engine.place(begun.attempt.slot), time.monotonic() - begun.at
            event = evolve(event, worker=worker, seconds=seconds)
        self._on_event(event)
