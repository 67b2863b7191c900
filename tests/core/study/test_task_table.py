"""What is shown of tasks while they run."""

import io
import sys
from contextlib import redirect_stdout

from progressive_app.engines.task import TaskEvent
from progressive_app.presentation.drawing import plain_text
from progressive_front.study.task_table import TaskTable


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_a_table_shows_what_runs_first_and_counts_the_rest():
    clock = Clock()
    table = TaskTable([f"seed-{number}" for number in range(9)], clock=clock)
    table.on_event(TaskEvent(task="seed-0", kind="started", worker="worker 1"))
    table.on_event(TaskEvent(task="seed-1", kind="started", worker="worker 2"))
    clock.now = 60.0
    table.on_event(TaskEvent(task="seed-0", kind="finished", seconds=60.0))
    table.on_event(TaskEvent(task="seed-2", kind="started", worker="worker 1"))
    table.on_event(TaskEvent(task="seed-1", kind="failed", line="no such bars", seconds=60.0))
    table.on_event(TaskEvent(task="seed-2", kind="progress", line="Long: episode 3 of 40, score +1.0 %"))
    table.on_event(TaskEvent(task="seed-8", kind="interrupted", attempt=0))
    clock.now = 90.0
    lines = plain_text(table.table(rows=11), 100).splitlines()
    assert lines[0].split() == ["RUN", "STATUS", "NOW", "TIME", "WORKER"]
    assert lines[1].split() == "seed-2 running Long: episode 3 of 40, score +1.0 % 0:30 worker 1".split()
    assert lines[2].split() == "seed-1 failed no such bars 1:00 worker 2".split()
    assert "and 4 more" in lines[-2]
    # one minute each: half of it is left of the one that runs, and six wait
    assert lines[-1] == "1 finished, 1 running, 1 failed, 6 waiting; 1:30, about 6:30 left"


def test_off_a_terminal_a_line_says_when_a_task_begins_and_ends_and_when_a_bucket_has_trained(capsys):
    with TaskTable(["a", "b"]) as table:
        for kind, line, attempt in (
            ("started", "", 1),
            ("progress", "Long: episode 1 of 4, score 0.0 %", 1),
            ("lost", "a: its worker was ended by SIGKILL", 1),
            ("started", "", 2),
            ("progress", "Long: finished, all episodes trained; best score 0.0 %; runs/a/model", 2),
            ("progress", "progressive-training: warning: shown elsewhere", 2),
            ("finished", "", 2),
        ):
            table.on_event(TaskEvent(task="a", kind=kind, line=line, attempt=attempt))
    assert capsys.readouterr().out.splitlines() == [
        "[0/2] a: started",
        "[0/2] a: lost: a: its worker was ended by SIGKILL",
        "[0/2] a: started again (attempt 2)",
        "[0/2] a: Long: finished, all episodes trained; best score 0.0 %",
        "[1/2] a: finished",
    ]


def test_a_live_table_goes_on_while_a_task_of_this_process_has_standard_output(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stdout", terminal := Terminal())
    with TaskTable(["a"]) as table, redirect_stdout(io.StringIO()) as taken:
        table.on_event(TaskEvent(task="a", kind="started", worker="here"))
        table.on_event(TaskEvent(task="a", kind="progress", line="Long: episode 1"))
        table._live.refresh()
        assert "Long: episode 1" in terminal.getvalue()
    assert taken.getvalue() == ""


def test_of_trials_it_shows_what_each_tries_and_the_best_so_far():
    table = TaskTable(
        ["trial-06", "trial-07"], about="batch 2 of 5; best so far: trial 3", values={"trial-06": "0.01, plain"}
    )
    lines = plain_text(table.table(rows=11), 100).splitlines()
    assert lines[0].split() == ["RUN", "VALUES", "STATUS", "NOW", "TIME", "WORKER"]
    assert lines[1].split() == "trial-06 0.01, plain waiting".split()
    assert lines[-1] == "batch 2 of 5; best so far: trial 3"


def test_one_that_has_finished_shows_what_it_came_to():
    table = TaskTable(["trial-00"])
    for kind, line in (
        ("started", ""),
        ("progress", "Long: finished, all episodes trained; best score +3.0 %; runs/a"),
        ("finished", ""),
    ):
        table.on_event(TaskEvent(task="trial-00", kind=kind, line=line))
    assert (
        plain_text(table.table(rows=11), 60).splitlines()[1].split()
        == "trial-00 finished best score +3.0 % 0:00".split()
    )
