"""Engines: tasks at once, in order, failing, lost, stopped and ended, as whoever waits for them sees it."""

import sys
from pathlib import Path

import psutil
import pytest

from progressive_app.engines.named import engine_named
from progressive_app.engines.running import run_tasks
from progressive_app.engines.task import Task
from progressive_core.contract.errors import ConfigError, DataError, ProcessLost

sys.path.append(str(Path(__file__).parent))  # the spawned processes get it too

import engine_tasks as functions


def drop(event) -> None:
    pass


def workers():
    return [child for child in psutil.Process().children() if "spawn_main" in " ".join(child.cmdline())]


@pytest.fixture(params=["here", "local"])
def engine(request):
    engine = engine_named(request.param)
    yield engine
    engine.close()
    assert workers() == []


def test_tasks_come_after_those_that_they_need_and_one_that_fails_stops_no_other(engine) -> None:
    tasks = [
        Task(name="last", function=functions.double, argument=4, after=("first", "elsewhere")),
        Task(name="broken", function=functions.fail, argument="bars are missing"),
        Task(name="skipped", function=functions.double, argument=1, after=("broken",)),
        Task(name="first", function=functions.double, argument=3),
    ]
    events = []
    ends = run_tasks(tasks, engine, workers=2, on_event=events.append)
    assert {name: (end.status, end.value) for name, end in ends.items()} == {
        "last": ("finished", 8),
        "broken": ("failed", None),
        "skipped": ("skipped", None),
        "first": ("finished", 6),
    }
    assert isinstance(ends["broken"].error, DataError)
    assert str(ends["broken"].error) == "bars are missing"
    told = [(event.task, event.kind, event.line) for event in events]
    assert told.index(("first", "finished", "")) < told.index(("last", "started", ""))
    assert ("first", "progress", "doubling 3") in told
    assert ("skipped", "skipped", "broken did not finish") in told


def test_a_stop_is_behind_a_checkpoint_and_nothing_more_is_begun(engine, tmp_path) -> None:
    tasks = [Task(name=name, function=functions.until_stopped, argument=str(tmp_path)) for name in ("one", "two")]
    begun = []
    ends = run_tasks(
        tasks,
        engine,
        workers=1,
        interrupted=lambda: bool(begun),
        on_event=lambda event: begun.append(event) if event.line == "begun" else None,
    )
    assert {name: (end.status, end.attempts) for name, end in ends.items()} == {
        "one": ("interrupted", 1),
        "two": ("interrupted", 0),
    }


def test_a_kill_loses_one_attempt_of_one_task() -> None:
    tasks = [
        Task(name="killed", function=functions.die_until, argument=2),
        Task(name="whole", function=functions.double, argument=1),
        Task(name="hopeless", function=functions.die_until, argument=99),
    ]
    ends = run_tasks(tasks, engine_named("local"), workers=3, on_event=drop)
    assert (ends["killed"].value, ends["killed"].attempts) == (2, 2)
    assert ends["whole"].attempts == 1
    assert (ends["hopeless"].status, ends["hopeless"].attempts) == ("failed", 5)
    with pytest.raises(ProcessLost, match=r"^hopeless: its process was ended by SIGKILL"):
        raise ends["hopeless"].error


def test_ctrl_c_leaves_no_process(tmp_path) -> None:
    tasks = [Task(name=name, function=functions.until_stopped, argument=str(tmp_path)) for name in ("one", "two")]
    begun = set()

    def stop(event) -> None:
        begun.update({event.task} if event.line == "begun" else ())
        if len(begun) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_tasks(tasks, engine_named("local"), workers=2, on_event=stop)
    assert workers() == []


@pytest.mark.parametrize(
    ("tasks", "line"),
    [
        ([("one", ()), ("one", ())], "one: two tasks have this name"),
        ([("one", ("two",)), ("two", ("one",)), ("three", ())], "one, two: these tasks wait for each other"),
    ],
)
def test_a_plan_that_cannot_be_run_is_refused(tasks, line) -> None:
    with pytest.raises(ConfigError, match=line):
        run_tasks(
            [Task(name=name, function=functions.double, after=after) for name, after in tasks],
            engine_named("here"),
            on_event=drop,
        )


def test_an_unknown_engine_and_an_address_without_a_use_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"^--engine lokal: .*Did you mean .?local"):
        engine_named("lokal")
    with pytest.raises(ConfigError, match="leave the address out"):
        engine_named("local", "auto")
