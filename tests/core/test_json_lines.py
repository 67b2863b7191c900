"""Training as JSON lines: what a program that started one sees of it. With a stranger's buckets."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from progressive_front.cli import main

from .test_ledger import CHOOSER

ROOT = Path(__file__).parents[2]
SCHEMA = jsonschema.Draft202012Validator(json.loads((ROOT / "docs/reference/events.schema.json").read_text()))
BUCKETS = (Path(__file__).parent / "line_bucket.py").read_text()
SETTINGS = {"SEQUENCE": ["First", "Second"], "EPISODES": 3, "DEVICE": "cpu", "TRANSFER_COOLDOWN": 2}
STOP = """
import os
import signal
from progressive_training import hookimpl

@hookimpl
def on_episode_end(bucket, episode):
    print("a plugin that prints")
    if bucket.name == "Second" and episode.episode == 2:
        {body}
"""
TEACH = """
from attrs import evolve
from progressive_training import hookimpl

@hookimpl
def transfer(source, target, context):
    return evolve(target, weights={**target.weights, **source.weights})
"""
Events = list[dict[str, Any]]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, install: Callable[..., None]) -> Path:
    """A working directory with a configuration for two quick buckets."""
    directory = tmp_path / "here"
    directory.mkdir()
    monkeypatch.chdir(directory)
    Path("config.json").write_text(json.dumps(SETTINGS))
    install("lines", buckets={"First": "line_bucket:first", "Second": "line_bucket:second"}, line_bucket=BUCKETS)
    return directory


@pytest.fixture
def events_of(capfd: pytest.CaptureFixture[str]) -> Callable[..., Events]:
    """Train with these arguments: the events, each as the schema says."""

    def train(*arguments: str, status: int = 0) -> Events:
        capfd.readouterr()
        assert main(["--json", *arguments]) == status
        events = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
        for event in events:
            SCHEMA.validate(event)
        assert events[-1]["event"] == "run_end"
        assert events[-1]["exit_status"] == status
        return events

    return train


def named(events: Events, name: str) -> Events:
    return [event for event in events if event["event"] == name]


@pytest.mark.usefixtures("here")
def test_what_a_bucket_chose_at_its_end_is_an_event_before_its_end(
    events_of: Callable[..., Events], install: Callable[..., None]
) -> None:
    install("chooser", buckets={"Chooser": "chooser:bucket"}, chooser=CHOOSER)
    events = [
        event for event in events_of("--sequence", "Chooser", "--episodes", "1") if event.get("bucket") == "Chooser"
    ]
    chosen = [event for event in named(events, "transfer") if event["phase"] == "choice"]
    assert [(event["strategy"], event["verdict"]) for event in chosen] == [
        ("caution", "kept"),
        ("haste", "rolled back"),
    ]
    assert max(map(events.index, chosen)) < events.index(named(events, "bucket_end")[0])


@pytest.mark.usefixtures("here")
def test_every_step_of_a_run_is_one_event(events_of: Callable[..., Events]) -> None:
    events = events_of("--run-dir", "mine")
    names = [event["event"] for event in events if event["event"] not in {"transfer", "warning"}]
    bucket = ["bucket_start", *["episode"] * 3, "bucket_end"]
    assert names == ["run_start", *bucket, *bucket, "verdict", "verdict", "run_end"]
    assert [event["episode"] for event in named(events, "episode")] == [1, 2, 3] * 2
    assert {event["bucket"] for event in named(events, "verdict")} == {"First", "Second"}
    ledger = [json.loads(line) for line in Path("mine/ledger.jsonl").read_text().splitlines()]
    made = named(events, "transfer")
    assert [(event["strategy"], event["reason"]) for event in made] == [
        (line["strategy"], line["reason"]) for line in ledger
    ]
    end = events[-1]
    assert (end["status"], end["run"], end["resume"]) == ("finished", "mine", None)
    assert all(Path(path).is_file() for path in end["models"].values())


@pytest.mark.usefixtures("here")
def test_scores_are_profits_in_per_cent(events_of: Callable[..., Events]) -> None:
    events = events_of("--run-dir", "mine")
    recorded = [json.loads(line)["score"] for line in Path("mine/metrics.jsonl").read_text().splitlines()]
    scores = [event["score"] for event in named(events, "episode")]
    assert [round((1 + score / 100), 9) for score in scores] == [
        pytest.approx(2.718281828459045**each) for each in recorded
    ]


@pytest.mark.usefixtures("here")
def test_an_interrupted_run_and_its_resume_have_each_episode_once(
    install: Callable[..., None], events_of: Callable[..., Events]
) -> None:
    install("stop", plugins={"stop": "acme_stop"}, acme_stop=STOP.format(body="os.kill(os.getpid(), signal.SIGINT)"))
    first = events_of("--run-dir", "mine", status=130)
    assert first[-1]["status"] == "interrupted"
    assert first[-1]["resume"] == "progressive-training --resume --run-dir mine --json"
    second = events_of("--resume", "--run-dir", "mine", "-p", "no:stop")
    assert named(second, "run_start")[0]["finished"] == ["First"]
    assert any("PLUGINS" in event["message"] for event in named(second, "note"))
    both = [(event["bucket"], event["episode"]) for event in named(first + second, "episode")]
    assert both == [(bucket, episode) for bucket in ("First", "Second") for episode in (1, 2, 3)]


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("body", "kind", "status"), [("raise ValueError('broken')", "PluginError", 2), ("__import__('os')._exit(3)", "", 3)]
)
def test_what_fails_is_an_event(install: Callable[..., None], body: str, kind: str, status: int) -> None:
    install("stop", plugins={"stop": "acme_stop"}, acme_stop=STOP.format(body=body))
    command = [sys.executable, "-c", "from progressive_front.cli import main; raise SystemExit(main(['--json']))"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == status
    events = [json.loads(line) for line in done.stdout.splitlines()]  # what the plugin prints is not among them
    assert "a plugin that prints" in done.stderr
    assert [event["kind"] for event in named(events, "error")] == ([kind] if kind else [])
    assert len(named(events, "episode")) == 5  # also of a process that is lost: each line was flushed


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (["--episodes", "Third=2"], "ConfigError"),
        (["--bucket", "Nothing"], "PluginError"),
        (["--resume"], "RunError"),
        (["--set", "SEED=x"], "ConfigError"),
    ],
)
def test_a_run_that_cannot_begin_is_an_error_and_an_end(
    events_of: Callable[..., Events], arguments: list[str], kind: str
) -> None:
    events = events_of(*arguments, status=2)
    assert [event["event"] for event in events] == ["error", "run_end"]
    assert events[0]["kind"] == kind
    assert events[1]["run"] is None


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("isolated", [(), ("--isolate",)])
def test_scratch_arms_and_processes_of_their_own_have_the_same_events(
    install: Callable[..., None], events_of: Callable[..., Events], isolated: tuple[str, ...]
) -> None:
    install("teacher", transfers={"teach": "acme_teach"}, acme_teach=TEACH)
    events = events_of("--scratch-arms", *isolated)
    arm = [event for event in events if event.get("scratch_arm")]
    assert {event["event"] for event in arm} == {"bucket_start", "episode", "bucket_end", "verdict"}
    assert [event["episode"] for event in named(arm, "episode")] == [1, 2, 3]
    assert any(event["verdict"] == "kept" for event in named(events, "transfer"))


def test_the_schema_takes_no_other_event() -> None:
    assert not SCHEMA.is_valid({"event": "run_started", "time": "2026-01-01T00:00:00Z"})
    assert not SCHEMA.is_valid({"event": "note", "time": "2026-01-01T00:00:00Z", "message": "a", "odd": 1})


@pytest.mark.usefixtures("here")
def test_a_quiet_run_prints_nothing_but_warnings_and_errors(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--quiet"]) == 0
    printed = capfd.readouterr()
    assert [line for line in printed.out.splitlines() if not line.startswith("report: ")] == []
    assert printed.err == ""
    assert main(["--quiet", "--json"]) == 2
    assert "--quiet" in capfd.readouterr().err
