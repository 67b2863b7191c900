"""The check for engines: what becomes of tasks that finish, fail, are stopped, are killed and are ended at once."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil

from progressive_app.engines.engine import Engine
from progressive_app.engines.running import run_tasks
from progressive_app.engines.task import Task, TaskEnd, TaskEvent, Worker
from progressive_app.testing.scene import require
from progressive_core.contract.errors import DataError
from progressive_core.engine.run import Interrupted

LONGEST = 60.0
"""Seconds that a task waits for what is to happen to it, before it ends by itself."""


def check_engine(create: Callable[[], Engine]) -> None:
    """Run small tasks on an engine of this machine, two at once where it can, and hold each end and event against what it should be.

    Tasks come after those that they need, one that fails stops no other, an error of ours arrives as itself, a stop is asked
    for once, a kill loses one attempt (unless tasks run in this process), and no process is left when all is ended at once.

    :param create: makes the engine; it is closed here.
    :raise AssertionError: saying what was expected and what happened.
    """
    with closing(create()) as engine, TemporaryDirectory() as scratch:
        processes = _check_ends(engine)
        _check_stop(engine, Path(scratch))
        if os.getpid() not in processes:
            _check_kill(engine)
            _check_end_at_once(engine, Path(scratch))


def _check_ends(engine: Engine) -> set[int]:
    """Returns the processes that the tasks ran in."""
    events: list[TaskEvent] = []
    tasks = [
        Task(name="last", function=_process, argument=4, after=("first", "elsewhere")),
        Task(name="broken", function=_fail, argument="no bars"),
        Task(name="skipped", function=_process, after=("broken",)),
        Task(name="first", function=_process, argument=3),
    ]
    ends = run_tasks(tasks, engine, workers=2, on_event=events.append)
    statuses = {name: end.status for name, end in ends.items()}
    wanted = {"last": "finished", "broken": "failed", "skipped": "skipped", "first": "finished"}
    require(statuses == wanted, f"check_engine: the tasks ended as {statuses}, expected {wanted}: {_errors(ends)}")
    values = [ends[name].value[0] for name in ("first", "last")]
    require(values == [3, 4], f"check_engine: the functions returned {values}, expected [3, 4]")
    error = ends["broken"].error
    is_same = isinstance(error, DataError) and str(error) == "no bars"
    require(is_same, f"check_engine: the error DataError('no bars') came back as {error!r}")
    seen = [(event.task, event.kind, event.line) for event in events]
    require(("first", "progress", "working on 3") in seen, f"check_engine: a line of progress did not arrive: {seen}")
    order = seen.index(("first", "finished", "")) < seen.index(("last", "started", ""))
    require(order, "check_engine: a task was begun before one that it comes after had finished")
    return {end.value[1] for end in ends.values() if end.value}


def _check_stop(engine: Engine, scratch: Path) -> None:
    mark = scratch / "stop"
    tasks = [Task(name=name, function=_until_stopped, argument=mark) for name in ("one", "two")]
    ends = run_tasks(
        tasks, engine, workers=1, interrupted=mark.exists, on_event=lambda event: _touch_when_begun(event, mark)
    )
    found = {name: (end.status, end.attempts) for name, end in ends.items()}
    wanted = {"one": ("interrupted", 1), "two": ("interrupted", 0)}
    require(
        found == wanted, f"check_engine: after a stop the tasks ended as {found}, expected {wanted}: {_errors(ends)}"
    )


def _check_kill(engine: Engine) -> None:
    events: list[TaskEvent] = []
    tasks = [Task(name="killed", function=_die_once), Task(name="whole", function=_process)]
    ends = run_tasks(tasks, engine, workers=2, on_event=events.append)
    found = {name: (end.status, end.attempts) for name, end in ends.items()}
    wanted = {"killed": ("finished", 2), "whole": ("finished", 1)}
    require(
        found == wanted, f"check_engine: after a kill the tasks ended as {found}, expected {wanted}: {_errors(ends)}"
    )
    lost = [event.task for event in events if event.kind == "lost"]
    require(lost == ["killed"], f"check_engine: lost were {lost}, expected ['killed']")


def _check_end_at_once(engine: Engine, scratch: Path) -> None:
    begun: set[int] = set()
    tasks = [Task(name=name, function=_until_stopped, argument=scratch / "never") for name in ("one", "two")]
    most = engine.slots(tasks, 2)

    def end_when_all_run(event: TaskEvent) -> None:
        if event.kind == "progress":
            begun.add(int(event.line))
        if len(begun) == most:
            raise KeyboardInterrupt

    try:
        run_tasks(tasks, engine, workers=most, on_event=end_when_all_run)
    except KeyboardInterrupt:
        left = [process for process in begun if _is_left(process)]
        require(not left, f"check_engine: the processes {left} are left after all was ended at once")
    else:
        raise AssertionError("check_engine: a KeyboardInterrupt of on_event did not end the tasks")


def _is_left(process: int) -> bool:
    """Whether a process that was ended goes on; the system takes a moment over its end."""
    until = time.monotonic() + LONGEST / 4
    while psutil.pid_exists(process) and psutil.Process(process).status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > until:
            return True
        time.sleep(0.01)
    return False


def _errors(ends: dict[str, TaskEnd]) -> str:
    return "; ".join(f"{name}: {end.error}" for name, end in ends.items() if end.error is not None) or "no errors"


def _touch_when_begun(event: TaskEvent, mark: Path) -> None:
    if event.kind == "progress":
        mark.touch()


def _process(worker: Worker, argument: Any) -> tuple[Any, int]:
    worker.progress(f"working on {argument}")
    return argument, os.getpid()


def _fail(worker: Worker, text: str) -> None:
    raise DataError(text)


def _die_once(worker: Worker, argument: Any) -> None:
    if worker.attempt == 1:
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))  # Windows: either ends it at once


def _until_stopped(worker: Worker, directory: Path) -> None:
    worker.progress(str(os.getpid()))
    until = time.monotonic() + LONGEST
    while not worker.wants_a_stop():
        if time.monotonic() > until:
            raise TimeoutError("nobody stopped this task")
        time.sleep(0.01)
    raise Interrupted(directory)
