"""Engines: tasks at once, in order, failing, lost, stopped and ended, as whoever waits for them sees it."""

from functools import partial
from importlib import import_module

import psutil
import pytest

from progressive_app.engines.named import engine_named
from progressive_app.engines.running import run_tasks
from progressive_app.engines.task import Task
from progressive_core.contract.errors import ConfigError, ProcessLost
from progressive_training.testing import check_engine

TASKS = """
import os, signal, threading

def killed(worker, argument):
    os.kill(os.getpid(), signal.SIGKILL)

def lock(worker, argument):
    return threading.Lock()
"""


@pytest.fixture
def functions(install):
    install("acme", acme_tasks=TASKS)
    return import_module("acme_tasks")


def workers():
    return [child for child in psutil.Process().children() if "spawn_main" in " ".join(child.cmdline())]


def drop(event) -> None:
    pass


@pytest.mark.parametrize("name", ["here", "local"])
def test_the_engines_of_this_machine_do_what_an_engine_must(name) -> None:
    check_engine(partial(engine_named, name))
    assert workers() == []


def test_an_engine_that_loses_a_task_is_found_out() -> None:
    class Forgetful(type(engine_named("here"))):
        def poll(self, seconds, report):
            super().poll(seconds, lambda message: report(message) if hasattr(message, "status") else None)

    with pytest.raises(AssertionError, match="a line of progress did not arrive"):
        check_engine(Forgetful)


def test_a_task_whose_worker_is_killed_each_time_fails_after_five_attempts(functions) -> None:
    seen = []
    ends = run_tasks(
        [Task(name="hopeless", function=functions.killed)], engine_named("local"), workers=3, on_event=seen.append
    )
    assert (ends["hopeless"].status, ends["hopeless"].attempts) == ("failed", 5)
    assert [event.kind for event in seen] == ["started", "lost"] * 4 + ["started", "failed"]
    with pytest.raises(ProcessLost, match=r"^hopeless: its process was ended by SIGKILL"):
        raise ends["hopeless"].error


def test_what_cannot_be_sent_back_is_named(functions) -> None:
    task = Task(name="lock", function=functions.lock)
    ends = run_tasks([task], engine_named("local"), on_event=drop)
    assert "cannot pickle" in str(ends["lock"].error)


@pytest.mark.parametrize(
    ("tasks", "line"),
    [
        ([("one", ()), ("one", ())], "one: two tasks have this name"),
        ([("one", ("two",)), ("two", ("one",)), ("three", ())], "one, two: these tasks wait for each other"),
    ],
)
def test_a_plan_that_cannot_be_run_is_refused(tasks, line) -> None:
    plan = [Task(name=name, function=len, after=after) for name, after in tasks]
    with pytest.raises(ConfigError, match=line):
        run_tasks(plan, engine_named("here"), on_event=drop)


def test_an_unknown_engine_and_an_address_without_a_use_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"^--engine lokal: .*[Dd]id you mean .?local"):
        engine_named("lokal")
    with pytest.raises(ConfigError, match="leave the address out"):
        engine_named("local", "auto")
