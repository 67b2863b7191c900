"""A run directory: what a crash, a second process or a stranger's file can and cannot do to it."""

import json
import math
import multiprocessing
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from attrs import evolve

from progressive_app.store import atomic_files as files
from progressive_app.store import progress as commits
from progressive_app.store.models import read_knowledge
from progressive_app.store.run_store import RunStore
from progressive_app.store.runs import list_runs, new_run_directory
from progressive_core.contract.errors import RunError
from progressive_core.contract.evaluation import Evaluation
from progressive_core.contract.records import BucketResult, EpisodeReport, Knowledge, LedgerEntry, Model, State
from progressive_front.cli import main
from progressive_front.found_runs import newest_unfinished

MANIFEST = {"started": "2026-01-01T00:00:00+00:00", "sequence": ["Scalping", "Short"], "teachers": []}


@pytest.fixture
def store(tmp_path: Path):
    store = RunStore.create(tmp_path / "runs" / "one", {"SEED": 1}, MANIFEST)
    yield store
    store.close()


def test_a_name_that_is_not_utf_8_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"run\\udcff: cannot create a run here \(its name is not UTF-8\)"):
        RunStore.create(tmp_path / os.fsdecode(b"run\xff"), {"SEED": 1}, MANIFEST)
    assert list(tmp_path.iterdir()) == []


def state(value: float) -> State:
    return State(tensors={"weight": torch.full((3,), value)}, values={"episode": int(value)})


def model(value: float) -> Model:
    return Model(tensors={"weight": torch.full((3,), value), "scaler": torch.ones(2)}, card={"unit": 1.0})


KNOWLEDGE = Knowledge(
    origin="Scalping", weights={"weight": torch.zeros(3)}, feature_importance={"volume": 1.0}, horizons={6: 0.1}
)


def report(episode: int) -> EpisodeReport:
    return EpisodeReport(
        episode=episode,
        score=0.1,
        best_score=0.1,
        best_episode=1,
        loss=float("nan"),
        exploration=0.1,
        exploration_cause="start",
        transitions=10,
        trades=2,
    )


def result(path: Path) -> BucketResult:
    evaluation = Evaluation(validation=(), test=(), verdict="no edge shown")
    return BucketResult(
        bucket="Scalping",
        episodes=2,
        stopped="all episodes trained",
        best_score=0.1,
        best_episode=1,
        seconds=1.0,
        model_path=path,
        evaluation=evaluation,
    )


def reopened(store: RunStore) -> RunStore:
    store.close()
    return RunStore.open(store.directory)


def test_a_checkpoint_comes_back_as_it_was(store: RunStore) -> None:
    store.save_checkpoint("Scalping", 1, state(1), seconds=1.0, keep=3)
    store = reopened(store)
    found = store.checkpoint("Scalping")
    assert found is not None
    assert torch.equal(found.tensors["weight"], torch.ones(3))
    assert found.values == {"episode": 1}
    assert store.progress.episode == 1
    assert store.checkpoint("Short") is None
    store.close()


def test_the_last_checkpoints_are_kept_and_the_one_that_holds_the_best_episode(store: RunStore) -> None:
    for episode in (1, 3, 4, 5, 6, 7):
        store.save_checkpoint("Scalping", episode, state(episode), seconds=1.0, keep=2, best=min(episode, 2))
    kept = sorted(path.name for path in (store.directory / "checkpoints").iterdir())
    assert kept == [f"Scalping-00000{episode}.{kind}" for episode in (3, 6, 7) for kind in ("json", "safetensors")]


def test_lines_written_after_the_last_commit_are_cut_off_on_resume(store: RunStore) -> None:
    store.record_episode("Scalping", report(1))
    store.save_checkpoint("Scalping", 1, state(1), seconds=1.0, keep=3)
    store.record_episode("Scalping", report(2))
    lines = (reopened(store).directory / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["episode"] for line in lines] == [1]


def test_a_number_that_is_not_finite_is_written_as_null(store: RunStore) -> None:
    store.record_episode("Scalping", report(1))
    assert json.loads((store.directory / "metrics.jsonl").read_text())["loss"] is None


def test_a_new_version_leaves_the_old_one_beside_it(store: RunStore) -> None:
    path = store.save_model("Scalping", model(1), KNOWLEDGE)
    store.finish_bucket(result(path))
    store.save_model("Scalping", model(2), KNOWLEDGE)
    store.save_checkpoint("Short", 1, state(1), seconds=1.0, keep=3)
    versions = sorted(each.name for each in (store.directory / "models/Scalping/versions").iterdir())
    assert versions == ["0001", "0002"]
    assert torch.equal(store.model("Scalping").tensors["weight"], torch.full((3,), 2.0))
    assert json.loads((store.directory / "models/Scalping/card.json").read_text())["version"] == 2


def test_a_model_version_without_a_commit_is_taken_back_on_resume(store: RunStore) -> None:
    path = store.save_model("Scalping", model(1), KNOWLEDGE)
    store.finish_bucket(result(path))
    store.save_model("Scalping", model(2), KNOWLEDGE)
    store = reopened(store)
    assert torch.equal(store.model("Scalping").tensors["weight"], torch.ones(3))
    store.close()


def test_a_disk_without_second_names_for_a_file_gets_a_copy(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    path = store.save_model("Scalping", model(1), KNOWLEDGE)
    store.finish_bucket(result(path))
    assert path.read_bytes() == (path.parent / "versions/0001/model.safetensors").read_bytes()
    reopened(store).close()
    assert {each.name for each in path.parent.iterdir()} == {"card.json", "model.safetensors", "versions"}


def test_opening_a_run_again_leaves_its_models_as_they_are(store: RunStore) -> None:
    path = store.save_model("Scalping", model(1), KNOWLEDGE)
    store.finish_bucket(result(path))
    before = path.read_bytes()
    reopened(store).close()
    assert path.read_bytes() == before
    assert {each.name for each in path.parent.iterdir()} == {"card.json", "model.safetensors", "versions"}


def test_knowledge_is_read_from_the_model_without_what_only_the_model_needs(store: RunStore) -> None:
    store.save_model("Scalping", model(1), KNOWLEDGE)
    knowledge = read_knowledge(store.directory, "Scalping")
    assert set(knowledge.weights) == {"weight"}
    assert knowledge.horizons == {6: 0.1}
    assert knowledge.feature_importance == {"volume": 1.0}


def test_results_survive_and_the_list_of_runs_shows_them(store: RunStore) -> None:
    store.record_transfer(
        LedgerEntry(
            strategy="weights",
            source="A",
            target="B",
            phase="initial",
            episode=0,
            verdict="kept",
            reason="helped",
        )
    )
    store.finish_bucket(result(store.save_model("Scalping", model(1), KNOWLEDGE)))
    store.mark("finished")
    (summary,) = list_runs(store.directory.parent)
    assert summary.status == "finished"
    assert [each.bucket for each in summary.results] == ["Scalping"]
    assert summary.results[0].model_path == store.directory / "models/Scalping/model.safetensors"


def test_a_run_whose_process_was_killed_is_listed_as_interrupted(store: RunStore) -> None:
    assert list_runs(store.directory.parent)[0].status == "training"
    store.close()
    assert list_runs(store.directory.parent)[0].status == "interrupted"


def test_a_run_that_was_moved_still_finds_its_models(store: RunStore) -> None:
    store.finish_bucket(result(store.save_model("Scalping", model(1), KNOWLEDGE)))
    store.close()
    moved = store.directory.rename(store.directory.parent / "moved")
    assert list_runs(moved.parent)[0].results[0].model_path == moved / "models/Scalping/model.safetensors"


def test_a_damaged_run_does_not_hide_the_others(store: RunStore) -> None:
    damaged = store.directory.parent / "damaged"
    damaged.mkdir()
    (damaged / "state.json").write_text("{")
    hurt, whole = list_runs(store.directory.parent)
    assert (hurt.directory, hurt.status, hurt.results) == (damaged, "damaged", ())
    assert (whole.directory, whole.status) == (store.directory, "training")


def _try_to_open(directory: Path, answer: "multiprocessing.Queue[str]") -> None:
    try:
        RunStore.open(directory).close()
        answer.put("opened")
    except RunError as error:
        answer.put(str(error))


def test_a_second_process_is_refused(store: RunStore) -> None:
    context = multiprocessing.get_context("spawn")
    answer = context.Queue()
    other = context.Process(target=_try_to_open, args=(store.directory, answer))
    other.start()
    assert "another process" in answer.get(timeout=60)
    other.join()


def test_a_directory_that_holds_something_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(RunError, match="not an empty directory"):
        RunStore.create(tmp_path, {}, MANIFEST)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def _killed_before(name: str, directory: Path, manifest: dict[str, Any]) -> None:
    """Begin a run, in a process that ends without a word when the file `name` is to be written."""
    written = files.atomic_writes

    def write(contents: Mapping[Path, bytes]) -> None:
        if name in {path.name for path in contents}:
            os._exit(9)
        written(contents)

    files.atomic_writes = commits.atomic_writes = write  # type: ignore[assignment]
    RunStore.create(directory, {"SEED": 1}, manifest)


@pytest.mark.parametrize("name", ["config.json", "manifest.json", "begun.json", "state.json"])
def test_where_a_kill_came_before_a_run_had_begun_one_can_be_begun(store: RunStore, tmp_path: Path, name: str) -> None:
    store.finish_bucket(result(store.save_model("Scalping", model(1), KNOWLEDGE)))
    manifest = {**MANIFEST, "teachers": [[str(store.directory), "Scalping"]]}
    directory = tmp_path / "runs" / "two"
    killed = multiprocessing.get_context("spawn").Process(target=_killed_before, args=(name, directory, manifest))
    killed.start()
    killed.join()
    assert killed.exitcode == 9
    assert [run.directory.name for run in list_runs(tmp_path / "runs")] == ["one"]
    RunStore.create(directory, {"SEED": 2}, manifest).close()
    again = RunStore.open(directory)
    assert again.documents.config == {"SEED": 2}
    assert [each.origin for each in again.teachers()] == ["Scalping"]
    again.close()
    assert not list(directory.rglob(".*.partial"))


@pytest.mark.parametrize("name", ["state.json", "thesis.txt"])
def test_a_run_is_not_begun_over_more_than_a_kill_left(tmp_path: Path, name: str) -> None:
    for each in (".run.partial", name):
        (tmp_path / each).touch()
    with pytest.raises(RunError, match="not an empty directory"):
        RunStore.create(tmp_path, {}, MANIFEST)
    assert {path.name for path in tmp_path.iterdir()} == {".run.partial", name}


def first_half(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def flipped(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def emptied(file: Path) -> None:
    file.write_bytes(b"")


DAMAGES = pytest.mark.parametrize("damage", [first_half, flipped, emptied])


def advance(store: RunStore, *episodes: int) -> None:
    """Short trains on, and a transfer back makes a new version of Scalping's model in each episode."""
    for episode in episodes:
        store.record_episode("Short", report(episode))
        store.save_model("Scalping", model(episode), KNOWLEDGE)
        store.save_checkpoint("Short", episode, state(episode), seconds=1.0, keep=3)


@pytest.fixture
def begun(store: RunStore) -> RunStore:
    """Scalping is finished (with its model's version 1), and Short has three checkpoints."""
    store.record_episode("Scalping", report(1))
    store.finish_bucket(result(store.save_model("Scalping", model(9), KNOWLEDGE)))
    advance(store, 1, 2, 3)
    return store


def stands_at(store: RunStore, episode: int) -> None:
    """Everything in the directory is what it was at that episode of Short."""
    assert store.progress.episode == episode
    lines = [json.loads(line)["episode"] for line in (store.directory / "metrics.jsonl").read_text().splitlines()]
    assert lines == [1, *range(1, episode + 1)]
    assert store.progress.versions == {"Scalping": 1 + episode}
    assert len(list((store.directory / "models/Scalping/versions").iterdir())) == 1 + episode
    assert torch.equal(store.model("Scalping").tensors["weight"], torch.full((3,), float(episode or 9)))
    left = sorted(path.name for path in (store.directory / "checkpoints").iterdir())
    assert left == [f"Short-{each:06d}.{kind}" for each in range(1, episode + 1) for kind in ("json", "safetensors")]
    found = store.checkpoint("Short")
    assert found == (None if episode == 0 else found)
    assert found is None or found.values == {"episode": episode}


@DAMAGES
def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(begun: RunStore, damage: Any) -> None:
    damage(begun.directory / "checkpoints/Short-000003.safetensors")
    store = reopened(begun)
    stands_at(store, 2)
    assert "checkpoints/Short-000003.safetensors" in store.repaired
    assert "resuming from episode 2 of Short" in store.repaired
    assert "\n" not in store.repaired
    store = reopened(store)
    stands_at(store, 2)
    assert store.repaired == ""
    store.close()


@DAMAGES
def test_without_a_whole_checkpoint_the_bucket_is_begun_again(begun: RunStore, damage: Any) -> None:
    for path in (begun.directory / "checkpoints").iterdir():
        damage(path)
    store = reopened(begun)
    stands_at(store, 0)
    assert all(f"Short-00000{episode}" in store.repaired for episode in (1, 2, 3))
    assert "resuming from the end of Scalping" in store.repaired
    store.close()


@pytest.mark.parametrize(
    "content", [None, b"", b"{", b"[]", b"{}", b'{"status": "training", "results": 3}', b"\xff\xfe"]
)
def test_a_damaged_state_file_is_named_and_made_again(begun: RunStore, content: bytes | None) -> None:
    file = begun.directory / "state.json"
    file.write_bytes(file.read_bytes().replace(b"0.1", b"0.2", 1) if content is None else content)
    store = reopened(begun)
    stands_at(store, 3)
    assert f"{file}: " in store.repaired
    store.close()


@DAMAGES
def test_a_damaged_commit_of_a_checkpoint_matters_only_where_it_is_needed(begun: RunStore, damage: Any) -> None:
    damage(begun.directory / "checkpoints/Short-000003.json")
    store = reopened(begun)
    stands_at(store, 3)
    assert store.repaired == ""
    damage(store.directory / "state.json")
    store = reopened(store)
    stands_at(store, 2)
    assert "checkpoints/Short-000003.json: " in store.repaired
    store.close()


def test_a_run_of_an_earlier_version_is_refused_by_name_and_left_as_it_is(
    begun: RunStore, capsys: pytest.CaptureFixture[str]
) -> None:
    file, text = begun.directory / "state.json", (begun.directory / "state.json").read_text()
    state = json.loads(text)
    del state["format"], state["sha256"]
    file.write_text(json.dumps(state))
    begun.close()
    expected = f"{file}: a run of another version of this program (its format is 1, this one reads 2)"
    for words in (["--resume", "--run-dir", str(begun.directory)], ["evaluate", str(begun.directory)]):
        assert main(words) == 2
        told = capsys.readouterr().err.strip()
        assert expected in told and "\n" not in told
    assert json.loads(file.read_text()) == state


@DAMAGES
def test_a_damaged_state_and_a_damaged_checkpoint_leave_the_one_before(begun: RunStore, damage: Any) -> None:
    damage(begun.directory / "state.json")
    damage(begun.directory / "checkpoints/Short-000003.safetensors")
    store = reopened(begun)
    stands_at(store, 2)
    store.close()


def test_a_damaged_state_between_two_buckets_is_made_again(store: RunStore) -> None:
    store.finish_bucket(result(store.save_model("Scalping", model(9), KNOWLEDGE)))
    emptied(store.directory / "state.json")
    store = reopened(store)
    assert [each.bucket for each in store.progress.results] == ["Scalping"]
    store.close()


@DAMAGES
def test_a_damaged_version_of_a_model_is_made_again_from_before_it(begun: RunStore, damage: Any) -> None:
    damage(begun.directory / "models/Scalping/versions/0004/model.safetensors")
    store = reopened(begun)
    stands_at(store, 2)
    assert "versions/0004/model.safetensors" in store.repaired
    store.close()


def test_a_damaged_model_that_nothing_makes_again_is_named_in_one_line(store: RunStore) -> None:
    store.finish_bucket(result(store.save_model("Scalping", model(9), KNOWLEDGE)))
    store.save_checkpoint("Short", 1, state(1), seconds=1.0, keep=3)
    flipped(store.directory / "models/Scalping/versions/0001/model.safetensors")
    before = {path: path.read_bytes() for path in store.directory.rglob("*") if path.is_file()}
    with pytest.raises(RunError, match=r"versions/0001/model.safetensors: .*put a copy of the file back") as told:
        reopened(store)
    assert "\n" not in str(told.value)
    assert {path: path.read_bytes() for path in store.directory.rglob("*") if path.is_file()} == before


def test_what_a_kill_left_behind_is_removed(begun: RunStore) -> None:
    """A checkpoint and a model that were written and not committed, and a file that was half written."""
    committed = (begun.directory / "state.json").read_bytes()
    advance(begun, 4)
    (begun.directory / "state.json").write_bytes(committed)
    (begun.directory / "checkpoints/.Short-000005.safetensors.partial").write_bytes(b"half")
    (begun.directory / "models/Short/versions/0001").mkdir(parents=True)
    (begun.directory / "models/Short/versions/0001/model.safetensors").write_bytes(b"whole")
    (begun.directory / "checkpoints/Short-000001.safetensors").unlink()
    store = reopened(begun)
    assert store.repaired == ""
    assert store.progress.episode == 3
    assert sorted(path.name for path in (store.directory / "checkpoints").glob("*.safetensors")) == [
        "Short-000002.safetensors",
        "Short-000003.safetensors",
    ]
    assert len(list((store.directory / "models/Scalping/versions").iterdir())) == 4
    assert list((store.directory / "models/Short").rglob("model.safetensors")) == []
    store.close()


def test_two_runs_that_start_in_one_second_get_directories_of_their_own(tmp_path: Path) -> None:
    assert new_run_directory(tmp_path) != new_run_directory(tmp_path)


def test_a_discarded_run_takes_only_what_was_made_for_it(tmp_path: Path) -> None:
    (tmp_path / "mount").mkdir()
    RunStore.create(tmp_path / "mount" / "runs" / "one", {}, MANIFEST).discard()
    assert list((tmp_path / "mount").iterdir()) == []
    (tmp_path / "mount" / "mine").mkdir()
    RunStore.create(tmp_path / "mount" / "mine", {}, MANIFEST).discard()
    assert list((tmp_path / "mount").iterdir()) == [tmp_path / "mount" / "mine"]


def test_a_result_that_is_not_finite_does_not_damage_the_run(store: RunStore) -> None:
    store.finish_bucket(evolve(result(store.directory), best_score=float("inf")))
    assert math.isnan(reopened(store).progress.results[0].best_score)


def test_a_model_of_another_run_teaches_as_it_was_when_the_run_was_begun(store: RunStore, tmp_path: Path) -> None:
    store.save_model("Scalping", model(1), KNOWLEDGE)
    taught = RunStore.create(tmp_path / "taught", {}, {**MANIFEST, "teachers": [[str(store.directory), "Scalping"]]})
    taught.close()
    store.save_model("Scalping", model(2), evolve(KNOWLEDGE, feature_importance={"volume": 0.5}))
    (tmp_path / "taught").rename(tmp_path / "moved")
    moved = RunStore.open(tmp_path / "moved")
    (teacher,) = moved.teachers()
    moved.close()
    assert (teacher.feature_importance, teacher.version) == ({"volume": 1.0}, 1)


def test_a_teacher_that_is_gone_is_told(store: RunStore, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="the model that is to teach cannot be had"):
        RunStore.create(tmp_path / "taught", {}, {**MANIFEST, "teachers": [[str(store.directory), "Short"]]})


def test_what_was_begun_last_is_listed_last_though_the_clock_was_set_back(tmp_path: Path) -> None:
    for name, started in (
        ("one", "2026-06-01T00:00:00"),
        ("two", "2026-01-01T00:00:00"),
        ("three", "2026-01-02T00:00:00"),
    ):
        RunStore.create(tmp_path / name, {}, {"started": started, "sequence": ["Short"]}).close()
    listed = list_runs(tmp_path)
    assert [run.directory.name for run in listed] == ["one", "two", "three"]
    assert [run.started for run in listed] == ["2026-06-01T00:00:00", "2026-01-01T00:00:00", "2026-01-02T00:00:00"]
    assert newest_unfinished(tmp_path).name == "three"
    RunStore.create(tmp_path / "four", {}, {"started": "2026-07-01T00:00:00", "sequence": ["Short"]}).close()
    assert "order" not in json.loads((tmp_path / "four/manifest.json").read_text())
    assert list_runs(tmp_path)[-1].directory.name == "four"
