"""`study`: a grid of ordinary runs, trained by workers, gone on with, and put together."""

import json
import re
import shutil
from pathlib import Path

import jsonschema
import pytest

from progressive_front.cli import main
from progressive_training import ProgressiveTrainingError, RunError, Study

ROOT = Path(__file__).parents[3]
SCHEMA = jsonschema.Draft202012Validator(json.loads((ROOT / "docs/reference/events.schema.json").read_text()))
FAILING = """
from progressive_training import RunError, hookimpl

@hookimpl
def on_bucket_start(bucket):
    if bucket.run_dir.name == "seed-1" and bucket.name == "Second":
        raise RunError("this one cannot be trained")
"""
STOPPING = """
import os, signal
from progressive_training import hookimpl

@hookimpl
def on_episode_end(bucket, episode):
    if bucket.run_dir.name == "seed-1" and bucket.name == "Second" and episode.episode == 2:
        os.kill(os.getpid(), signal.SIGINT)
"""


def test_the_same_bytes_come_of_one_worker_and_of_two(study, kept_bytes):
    flags = ("--seeds", "0-1", "--scratch-arms", "--quiet")
    assert study(*flags, "--name", "one")[0] == 0
    assert study(*flags, "--name", "two", "--workers", "2")[0] == 0
    one, two = kept_bytes(Path("studies/one")), kept_bytes(Path("studies/two"))
    assert {"plan.json", "summary.json", "runs/seed-1/models/Second/model.safetensors"} <= one.keys()
    assert "runs/seed-0/scratch/models/Second/model.safetensors" in one
    assert one == two


def test_what_was_stopped_goes_on_to_the_same_bytes(study, install, kept_bytes):
    assert study("--seeds", "0-2", "--name", "whole", "--quiet")[0] == 0
    install("stopper", plugins={"stopping": "stopper_stopping"}, stopper_stopping=STOPPING)
    status, out, err = study("--seeds", "0-2", "--name", "stopped")
    assert status == 130
    assert "[1/3] seed-0: finished" in out
    assert "interrupted; go on with: progressive-training study --resume --name stopped" in err
    assert json.loads(Path("studies/stopped/summary.json").read_text())["notes"][0].startswith(
        "2 of 3 runs are not finished"
    )
    status, out, err = study("--resume")
    assert (status, err) == (0, "")
    assert "3 runs, 2 to train" in out
    assert kept_bytes(Path("studies/whole")) == kept_bytes(Path("studies/stopped"))


def test_a_run_that_fails_stops_no_other_and_is_named(study, install):
    install("failer", plugins={"failing": "failer_failing"}, failer_failing=FAILING)
    status, out, err = study("--seeds", "0-2", "--name", "mine")
    assert status == 2, err
    assert "seed-2: finished" in out
    assert "this one cannot be trained" in err
    assert "1 of 3 runs did not finish; try them again with: progressive-training study --resume --name mine" in err
    summary = json.loads(Path("studies/mine/summary.json").read_text())
    assert [run["status"] for run in summary["runs"]] == ["finished", "interrupted", "finished"]
    assert "cannot be trained" in summary["runs"][1]["reason"]
    assert {level["measures"]["score"]["n"] for level in summary["levels"]} == {2}
    page = Path("studies/mine/summary.html").read_text()
    assert "1 of 3 runs are not finished" in page
    assert "cannot be trained" in page


CHANGE = """
from pathlib import Path
from progressive_training import hookimpl

@hookimpl
def on_run_end(run):
    if run.seed == 0:
        Path("bars.csv").write_bytes(b"others")
"""


def test_every_run_begins_on_the_bytes_that_the_study_was_planned_on(study, install):
    install("changing", plugins={"change": "changing_change"}, changing_change=CHANGE)
    Path("bars.csv").write_bytes(b"any bytes: these buckets do not read them")
    status, _, errors = study("--seeds", "0-1", "--data", "bars.csv", "--name", "one")
    assert status == 2
    assert "seed-1: " in errors and "bars.csv: changed since the study was planned; put the old one back" in errors
    assert not Path("studies/one/runs/seed-1").exists()
    Path("bars.csv").write_bytes(b"any bytes: these buckets do not read them")
    assert study("--resume", "--name", "one")[0] == 0


def test_a_pipe_gets_each_line_once(study):
    status, out, _ = study("--seeds", "4", "--name", "mine")
    assert status == 0
    lines = [line for line in out.splitlines() if line.startswith("[")]
    assert lines[0] == "[0/1] seed-4: started"
    assert len(lines) == 2 + sum("all episodes trained; best score" in line for line in lines) >= 3
    assert all(line.count("seed-4: ") == 1 for line in lines)


def test_every_event_is_a_line_of_json(study):
    status, out, _ = study("--seeds", "4", "--name", "mine", "--json")
    assert status == 0
    events = [json.loads(line) for line in out.splitlines()]
    for event in events:
        SCHEMA.validate(event)
    assert (events[0]["event"], events[-1]["event"]) == ("study_start", "study_end")
    assert [event["kind"] for event in events if event["event"] == "run" and event["kind"] != "progress"] == [
        "started",
        "finished",
    ]
    assert events[-1]["unfinished"] == []


def test_a_mistake_is_an_event_too(study):
    status, out, err = study("--data", "missing.csv", "--json")
    assert status == 2
    error, end = map(json.loads, out.splitlines())
    for event in (error, end):
        SCHEMA.validate(event)
    assert "no such file" in error["message"]
    assert (end["event"], end["exit_status"], end["study"]) == ("study_end", 2, None)
    assert "no such file" in err


def test_a_finished_study_is_put_together_again(study):
    study("--seeds", "4", "--name", "mine", "--quiet")
    Path("studies/mine/summary.md").unlink()
    status, out, _ = study("--resume", "--name", "mine")
    assert status == 0
    assert "1 runs, 0 to train" in out
    assert Path("studies/mine/summary.md").is_file()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--sequence", "First,Secnd"), "Did you mean 'Second'"),
        (("--seeds", "9-0"), "runs backward"),
        (("--data", "config.json,./config.json"), "is given twice"),
        (("--data", "missing.csv"), "no such file"),
        (("--name", "a/b"), "not the name of a study"),
        (("--name", ".."), "not the name of a study"),
        (("--set", "SEED=1,2"), "a study takes it as --seeds"),
        (("--set", "EPISODES=1,none"), 'EPISODES is "none", expected a whole number'),
        (("--set", "EPISODS=1"), "the nearest known setting is EPISODES"),
        (("--set", "EPISODES=1", "--episodes", "2"), "EPISODES is given more than once"),
        (("--resume",), "no unfinished study to resume"),
        (("--resume", "--name", "other"), "no study here"),
        (("--resume", "--seeds", "1"), "leave out --seeds"),
        (("--workers", "0"), "--workers"),
        (("--quiet", "--json"), "give one of the two"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(study, arguments, says):
    status, out, err = study(*arguments)
    assert (status, out) == (2, "")
    assert says in err
    assert len(err.splitlines()) == 1
    assert not Path("studies").exists()


def test_a_study_that_is_there_is_not_begun_again_and_one_that_was_edited_not_gone_on_with(study):
    study("--seeds", "0", "--name", "mine", "--quiet")
    status, _, err = study("--seeds", "0", "--name", "mine")
    assert status == 2
    assert "go on with it with --resume" in err
    plan = Path("studies/mine/plan.json")
    plan.write_text(re.sub(r'"EPISODES": 3', '"EPISODES": 4', plan.read_text()))
    status, _, err = study("--resume", "--name", "mine")
    assert status == 2
    assert "it was changed since it was written" in err
    assert len(err.splitlines()) == 1


def test_runs_of_a_study_are_listed_where_they_are_and_named_beside_the_others(study, capfd):
    study("--seeds", "0-1", "--name", "mine", "--quiet")
    assert main(["runs"]) == 0
    assert "study studies/mine: 2 of 2 runs finished" in capfd.readouterr().out
    assert main(["runs", "--set", "RUNS_DIR=studies/mine/runs"]) == 0
    out = capfd.readouterr().out
    assert "seed-0" in out
    assert "study " not in out


def test_a_study_from_python_is_opened_again_where_it_is(here):
    lines = []
    mine = Study("elsewhere/mine", seeds=[3, 1], vary={"EPISODES": [2, 3]}, plugins=["no:report"])
    assert not Path("elsewhere").exists()
    summary = mine.train(on_event=lambda event: lines.append(event.kind))
    assert [run.name for run in summary.runs] == [
        "EPISODES-2-seed-3",
        "EPISODES-2-seed-1",
        "EPISODES-3-seed-3",
        "EPISODES-3-seed-1",
    ]
    assert lines.count("finished") == 4
    again = Study("elsewhere/mine")
    assert again.plan == mine.plan
    assert repr(again.train(on_event=lines.append)) == repr(summary)
    assert lines.count("finished") == 4
    with pytest.raises(RunError, match="its plan is fixed"):
        Study("elsewhere/mine", seeds=[3])


def test_a_study_from_python_that_is_interrupted_returns_what_it_has(here):
    mine = Study("mine", seeds=range(3))
    summary = mine.train(on_event=lambda event: mine.interrupt() if event.kind == "finished" else None)
    assert [run.status for run in summary.runs] == ["finished", "missing", "missing"]
    assert not mine.train().unfinished


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"seeds": [1.5]}, "seeds is 1.5, expected a whole number"),
        ({"seeds": []}, "seeds: none is given"),
        ({"vary": {"EPISODES": 3}}, "vary: EPISODES is 3, expected a list"),
        ({"vary": {"NOPE": [1]}}, "unknown setting"),
        ({"data": "missing.csv"}, "no such file"),
        ({"settings": {"SEQUENCE": ["Nope"]}}, "Nope"),
    ],
)
def test_what_python_hands_over_is_checked_before_anything_is_written(here, given, says):
    with pytest.raises(ProgressiveTrainingError, match=says):
        Study("mine", **given)
    assert not Path("mine").exists()


def test_a_study_that_goes_on_in_another_environment_says_so_or_is_refused(study, here, monkeypatch):
    assert study("--seeds", "0-1", "--name", "mixed", "--episodes", "1")[0] == 0
    unbegun = sorted((here / "studies/mixed/runs").iterdir())[1]
    shutil.rmtree(unbegun)
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "default")
    status, _, told = study("--resume", "--name", "mixed", "--strict")
    assert status == 2
    assert "1 of its runs were trained in another environment than this one: processor" in told
    assert not unbegun.exists()
    status, _, told = study("--resume", "--name", "mixed")
    assert status == 0, told
    assert told.count("runs that are compared may differ by that too") == 1
