"""A plugin that does not come back: it is named while the run waits, and Ctrl-C still ends the run."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import LogCapture

from progressive_app.machine.watchdog import Watchdog
from progressive_front.cli import main

BUCKETS = (Path(__file__).parent / "line_bucket.py").read_text()
SLEEPER = """
import threading
from progressive_training import hookimpl

@hookimpl
def on_episode_end(bucket, episode):
    if episode.episode == 2:
        threading.Event().wait()
"""
IMPATIENT = """
import sys
from progressive_app.machine import watchdog
from progressive_front.cli import main
watchdog.PATIENCE = 0.05
sys.exit(main())
"""


@pytest.fixture
def logged() -> Iterator[list[dict[str, Any]]]:
    captured = LogCapture()
    before = structlog.get_config()
    structlog.configure(processors=[captured])
    yield captured.entries  # type: ignore[misc]
    structlog.configure(**before)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_it_tells_of_a_call_after_ten_seconds_and_each_time_that_doubles(logged: list[dict[str, Any]]) -> None:
    clock = Clock()
    watchdog = Watchdog(clock=clock)

    def look(at: float) -> float | None:
        clock.now = at
        return watchdog.look()

    with watchdog.over("plugin 'slow' (acme 1.2): on_episode_end for bucket 'Long'"):
        assert [look(at) for at in (5, 10, 12, 20, 39, 40)] == [5, 10, 8, 10, 1, 10]
        assert [each["seconds"] for each in logged] == [10, 20, 40]
        assert all("'slow' (acme 1.2): on_episode_end for bucket 'Long'" in each["waiting_for"] for each in logged)
    assert look(50) is None


def test_quick_calls_are_never_told_of(logged: list[dict[str, Any]]) -> None:
    clock = Clock()
    watchdog = Watchdog(clock=clock)
    for _ in range(100):
        with watchdog.over("quick"):
            clock.now += 0.5
            watchdog.look()
    assert logged == []


def test_it_looks_by_itself_and_at_many_threads() -> None:
    told: dict[str, threading.Event] = {"a": threading.Event(), "b": threading.Event()}

    def note(logger: object, method: str, event: dict[str, Any]) -> Any:
        told[event["waiting_for"]].set()
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[note])
    try:
        watchdog = Watchdog(patience=0.01)

        def hang(name: str) -> None:
            with watchdog.over(name):
                assert told[name].wait(30)

        threads = [threading.Thread(target=hang, args=(name,)) for name in told]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        structlog.configure(**before)
    assert all(event.is_set() for event in told.values())


def test_a_run_that_hangs_in_a_plugin_says_so_and_ctrl_c_twice_ends_it(
    tmp_path: Path, install: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    install(
        "lines",
        buckets={"First": "line_bucket:first"},
        plugins={"sleeper": "lines_sleeper"},
        line_bucket=BUCKETS,
        lines_sleeper=SLEEPER,
    )
    (tmp_path / "config.json").write_text(json.dumps({"SEQUENCE": ["First"], "EPISODES": 3, "DEVICE": "cpu"}))
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "lines")}

    words = [sys.executable, "-c", IMPATIENT, "--run-dir", "run", "-p", "no:console", "-p", "no:report"]
    with subprocess.Popen(words, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        waited = next(line for line in process.stderr if "on_episode_end" in line)
        assert "still waiting for a plugin" in waited
        assert "plugin 'sleeper' (lines 1.2): on_episode_end for bucket 'First'" in waited
        process.send_signal(signal.SIGINT)
        assert any("once more: at once" in line for line in process.stderr)
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read().splitlines()
    assert process.returncode == 130
    assert any("interrupted while a plugin was running" in line and "'sleeper' (lines 1.2)" in line for line in rest)
    assert "--resume --run-dir run" in rest[-1]
    monkeypatch.chdir(tmp_path)
    assert main(["--resume", "--run-dir", "run", "-p", "no:sleeper"]) == 0
