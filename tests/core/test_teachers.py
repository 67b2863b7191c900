"""Models of other runs teach: they are named, kept, told apart and offered as the buckets of the sequence are."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from progressive_app.store.run_documents import Teacher, read_manifest
from progressive_app.store.run_store import RunStore
from progressive_front.cli import main
from progressive_training import ConfigError, ModelError, RunError


@pytest.fixture
def runs(workshop: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The workshop with two finished runs in RUNS_DIR, `runs/one` and `runs/two`, of First, on two seeds."""
    monkeypatch.chdir(workshop.directory)
    Path("config.json").write_text(json.dumps({"SEQUENCE": ["First", "Second"], "EPISODES": 3, "DEVICE": "cpu"}))
    for seed, name in enumerate(("one", "two")):
        workshop.trainer(f"runs/{name}", SEED=seed).train_bucket("First")
    return workshop


def sources(workshop: Any, run: str = "run") -> set[tuple[str, str]]:
    return {(line["source"], line["target"]) for line in workshop.ledger(run)}


def test_two_teachers_of_one_bucket_are_told_apart_and_kept_apart(runs: Any) -> None:
    runs.trainer().train_bucket("Second", transfer_from=["one/First", Path("runs/two/First")])
    assert sources(runs) == {("one/First", "Second"), ("two/First", "Second")}
    kept, originals = (
        [(runs.directory / place / "model.safetensors").read_bytes() for place in places]
        for places in (
            ["run/teachers/models/First", "run/teachers/2/models/First"],
            ["runs/one/models/First", "runs/two/models/First"],
        )
    )
    assert kept == originals and kept[0] != kept[1]
    assert any("one/First" in line for line in runs.said)


def test_runs_of_one_name_are_told_apart_by_their_directories(runs: Any) -> None:
    shutil.copytree("runs/two", "elsewhere/one")
    runs.trainer().train_bucket("Second", transfer_from="one/First, elsewhere/one/First")
    assert sources(runs) == {("runs/one/First", "Second"), ("elsewhere/one/First", "Second")}


def test_runs_whose_names_hold_a_dot_keep_them(runs: Any) -> None:
    shutil.copytree("runs/one", "runs/RATE-0.001-seed-0")
    shutil.copytree("runs/two", "runs/RATE-0.003-seed-0")
    runs.trainer().train_bucket("Second", transfer_from=["RATE-0.001-seed-0/First", "RATE-0.003-seed-0/First"])
    assert sources(runs) == {("RATE-0.001-seed-0/First", "Second"), ("RATE-0.003-seed-0/First", "Second")}


def test_a_whole_sequence_is_taught_on_the_command_line(runs: Any) -> None:
    assert (
        main(["--transfer", "one", "--transfer", "runs/two/models/First", "--run-dir", "run", "-p", "no:report"]) == 0
    )
    taught = {(source, target) for source in ("one/First", "two/First") for target in ("First", "Second")}
    assert sources(runs) == taught | {("First", "Second"), ("Second", "First")}


def test_a_model_that_was_copied_out_of_its_run_teaches(runs: Any) -> None:
    shutil.copytree("runs/one/models/First", "handed")
    runs.trainer().train_bucket("Second", transfer_from=Path("handed"))
    assert sources(runs) == {("handed/First", "Second")}


def test_a_resume_needs_the_teachers_runs_no_more_and_ends_the_same(runs: Any) -> None:
    runs.trainer("whole").train_progressively(transfer_from=["one/First", "two/First"])
    runs.stop_at = "First: episode 2 of"
    with pytest.raises(Exception, match="stopped"):
        runs.trainer().train_progressively(transfer_from=["one/First", "two/First"])
    runs.stop_at = ""
    shutil.rmtree("runs/one"), shutil.rmtree("runs/two")
    runs.trainer().resume()
    for path in sorted(Path("whole/models").rglob("model.safetensors")):
        assert (Path("run") / path.relative_to("whole")).read_bytes() == path.read_bytes()
    runs.trainer().resume(
        {"EPISODES": 4}, fork=True
    )  # finished: what is asked of it comes to nothing, but it is copied
    (fork,) = Path("runs").iterdir()
    assert (fork / "teachers/2/models/First/model.safetensors").is_file()


def test_a_kept_teacher_that_was_damaged_is_not_used(runs: Any) -> None:
    runs.stop_at = "First: episode 2 of"
    with pytest.raises(Exception, match="stopped"):
        runs.trainer().train_progressively(transfer_from=["one/First", "two/First"])
    kept = Path("run/teachers/2/models/First/model.safetensors")
    content = bytearray(kept.read_bytes())
    content[-1] ^= 1
    kept.unlink()
    kept.write_bytes(content)
    with pytest.raises(RunError, match="teachers/2/models/First/model.safetensors: damaged"):
        runs.trainer().resume()


def test_a_teacher_whose_own_run_was_damaged_is_refused_before_anything_begins(runs: Any) -> None:
    model = Path("runs/one/models/First/versions/0001/model.safetensors")
    content = bytearray(model.read_bytes())
    content[-1] ^= 1
    model.unlink()
    model.write_bytes(content)
    with pytest.raises(RunError, match="cannot be had .*damaged"):
        runs.trainer().train_bucket("Second", transfer_from="one/First")
    assert not Path("run").exists()


def test_a_run_of_an_earlier_version_keeps_its_teachers(runs: Any) -> None:
    manifest = {"started": "2026", "sequence": ["Second"], "teachers": [[str(Path("runs/one").absolute()), "First"]]}
    RunStore.create(Path("old"), {}, manifest).close()
    store = RunStore.open(Path("old"))
    store.documents.ask_for("isolate")  # writes the manifest anew
    (teacher,) = store.teachers()
    store.close()
    assert (teacher.origin, teacher.seen_until, teacher.forced) == ("First", "", False)


def test_a_teacher_may_be_for_one_bucket_alone_and_may_be_forced_on_it(runs: Any) -> None:
    own = Teacher(run="runs/one", bucket="First", pupil="Second")
    bad = Teacher(run="runs/two", bucket="First", pupil="First", forced=True)
    runs.trainer().train_progressively(transfer_from=[own, bad])
    assert sources(runs) == {("one/First", "Second"), ("two/First", "First"), ("First", "Second"), ("Second", "First")}
    (forced,) = [line for line in runs.ledger() if line["source"] == "two/First"]
    assert (forced["strategy"], forced["phase"], forced["verdict"]) == ("warm-start", "initial", "kept")
    assert forced["reason"] == "forced, without proof" and forced["copied"] == ["line.weight"]
    assert forced["after"] > forced["before"]
    assert [each["forced"] for each in read_manifest(Path("run"))["teachers"]] == [False, True]


def test_what_is_forced_stays_also_where_it_hurts(runs: Any) -> None:
    runs.trainer("runs/wrong", SEED=5).train_bucket("Third")  # of the opposite slope
    wrong = Teacher(run="runs/wrong", bucket="Third", forced=True)
    runs.trainer().train_bucket("First", transfer_from=wrong)
    (forced,) = runs.ledger()
    assert forced["verdict"] == "kept" and forced["after"] < forced["before"]
    runs.trainer("proven").train_bucket("First", transfer_from="wrong/Third")
    assert {line["verdict"] for line in runs.ledger("proven")} <= {"skipped", "rolled back"}


UNUSABLE: list[tuple[Any, type[Exception], str]] = [
    ("one/Second", RunError, "one: bucket Second of this run is not finished. Finished: one/First"),
    ("one/Frst", RunError, "Did you mean 'First'?"),
    ("three/First", RunError, "three/First: no run 'three' and no model, here or in "),
    ("runs/one/log.jsonl", RunError, "one: bucket log.jsonl of this run is not finished"),
    ("config.json", ModelError, "config.json: not a file that this program wrote"),
    ([""], ConfigError, 'transfer_from is "", expected the name of a bucket, RUN/Bucket, or the path of a model'),
    ("one/First,", ConfigError, 'transfer_from is "one/First,", expected'),
]


def test_what_cannot_teach_is_said_in_one_line(runs: Any) -> None:
    for name, error, line in UNUSABLE:
        with pytest.raises(error) as raised:
            runs.trainer().train_bucket("Second", transfer_from=name)
        assert line in str(raised.value) and "\n" not in str(raised.value)
        assert not Path("run").exists()


def test_which_bucket_is_to_be_named_where_a_run_finished_several(runs: Any) -> None:
    runs.trainer("runs/both").train_progressively()
    with pytest.raises(RunError, match="which bucket is to teach.* Finished: both/First, both/Second"):
        runs.trainer().train_bucket("Second", transfer_from="both")
