"""Scratch arms: the control that a taught bucket is held against, and how they are begun, stopped and gone on with."""

import json
from pathlib import Path
from typing import Any

import pytest

from progressive_app.store.runs import list_runs
from progressive_core.engine.run import Interrupted

STOPS_THE_UNTAUGHT = """
from progressive_training import StopRequest, hookimpl

@hookimpl
def on_episode_end(bucket, episode):
    if not bucket.settings["USE_CROSS_BUCKET_TRANSFER"] and episode.episode >= 2:
        return StopRequest("had enough")
"""


def episodes(run: Path, bucket: str) -> int:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return max(line["episode"] for line in lines if line["bucket"] == bucket)


def models(run: Path) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in run.glob("models/*/model.safetensors")}


def test_an_arm_is_what_the_bucket_would_have_been_alone(workshop: Any) -> None:
    workshop.trainer().train_progressively(scratch_arms=True)
    alone = workshop.trainer("alone", SEQUENCE=("Second",), USE_CROSS_BUCKET_TRANSFER=False)
    alone.train_progressively()
    scratch = workshop.directory / "run/scratch"
    assert models(scratch) == models(workshop.directory / "alone")
    assert json.loads((scratch / "state.json").read_text())["status"] == "finished"
    assert not (scratch / "ledger.jsonl").exists()
    assert any(line.startswith("scratch arm: Second: episode 4") for line in workshop.said)


def test_a_run_without_transfer_that_was_kept_needs_no_arm(workshop: Any) -> None:
    workshop.trainer(USE_CROSS_BUCKET_TRANSFER=False).train_progressively(scratch_arms=True)
    assert not (workshop.directory / "run/scratch").exists()
    assert any("no bucket kept anything" in line for line in workshop.said)


def test_an_arm_trains_as_long_as_the_taught_bucket_whoever_wants_to_stop(workshop: Any) -> None:
    workshop.install("quick", plugins={"quick": "quick_plugin"}, quick_plugin=STOPS_THE_UNTAUGHT)
    workshop.trainer().train_progressively(scratch_arms=True)
    assert episodes(workshop.directory / "run/scratch", "Second") == 4


@pytest.mark.parametrize("at", ["Second: finished", "scratch arm: Second: episode 2"])
def test_arms_that_were_interrupted_go_on_with_their_run(workshop: Any, at: str) -> None:
    workshop.trainer("whole").train_progressively(scratch_arms=True)
    workshop.stop_at = at
    with pytest.raises(Interrupted) as stopped:
        workshop.trainer().train_progressively(scratch_arms=True)
    assert stopped.value.run_dir == workshop.directory / "run"
    workshop.stop_at = ""
    paths = workshop.trained.resume()
    assert list(paths) == ["First", "Second"]
    assert models(workshop.directory / "run/scratch") == models(workshop.directory / "whole/scratch")


def test_a_finished_run_gets_its_arms_later_and_a_half_made_one_is_begun_anew(workshop: Any) -> None:
    workshop.trainer().train_progressively()
    (workshop.directory / "run/scratch/models").mkdir(parents=True)
    workshop.trainer().resume(scratch_arms=True)
    assert list(models(workshop.directory / "run/scratch")) == ["Second"]


def test_arms_are_no_runs_of_their_own(workshop: Any) -> None:
    workshop.trainer(None).train_progressively(scratch_arms=True)
    assert len(list_runs(workshop.directory / "runs")) == 1
