"""Buckets that train at the same time: what they learn from, what becomes of them, and that nothing depends on the workers."""

import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import psutil
import pytest

from progressive_app.config.resolve import resolve
from progressive_app.store import run_store
from progressive_app.store.runs import list_runs
from progressive_core.engine.run import Interrupted
from progressive_front.cli import main
from progressive_training import ConfigError, PluginError, RunError, hookimpl, read_run

STAGED = ("First", ("Second", "Third"))
NUDGE = """
    from attrs import evolve
    return evolve(target, weights={name: tensor + 0.05 for name, tensor in target.weights.items()})
"""
KILLS_ITSELF = """
import os
import signal
from pathlib import Path
from progressive_training import hookimpl

MARK = Path(__file__).with_suffix(".mark")

@hookimpl
def on_episode_end(bucket, episode):
    if bucket.name == "Third" and episode.episode == 3 and not MARK.exists():
        MARK.touch()
        os.kill(os.getpid(), signal.SIGKILL)
"""
SCHEMA = jsonschema.Draft202012Validator(
    json.loads((Path(__file__).parents[2] / "docs/reference/events.schema.json").read_text())
)
OF_THE_CLOCK = {"seconds", "proof_seconds", "shared_seconds", "memory_used", "transfers"}


def lines(file: Path) -> list[dict[str, Any]]:
    read = [json.loads(line) for line in file.read_text().splitlines()]
    return [{key: value for key, value in line.items() if key not in OF_THE_CLOCK} for line in read]


def left(run: Path) -> list[Any]:
    models = {file.relative_to(run): file.read_bytes() for file in sorted(run.rglob("model.safetensors"))}
    return [models, lines(run / "metrics.jsonl"), lines(run / "ledger.jsonl")]


def offers(workshop: Any, phase: str) -> list[tuple[str, str]]:
    made = [(line["source"], line["target"]) for line in workshop.ledger() if line["phase"] == phase]
    return list(dict.fromkeys(made))


@pytest.mark.parametrize(
    ("text", "sequence"),
    [
        ("Scalping,(Short, Medium),Long", ("Scalping", ("Short", "Medium"), "Long")),
        ("(Scalping,Short)", (("Scalping", "Short"),)),
        ("Scalping,(Short)", ("Scalping", "Short")),
        ('["Scalping", ["Short", "Medium"]]', ("Scalping", ("Short", "Medium"))),
    ],
)
def test_brackets_or_lists_hold_what_trains_at_the_same_time(text: str, sequence: Any) -> None:
    from progressive_app.config.flag_values import FlagText

    assert resolve(flags={"SEQUENCE": FlagText(text)})["SEQUENCE"] == sequence


@pytest.mark.parametrize(
    ("value", "because"),
    [
        ("A,(B", "those that train at the same time in a list of their own"),
        ("A,(B,(C,D))", "those that train at the same time in a list of their own"),
        ("A,()", "number 2 is a list without buckets"),
        ("A,(B,A)", "A is there twice"),
    ],
)
def test_what_is_no_sequence_is_refused_in_one_line(capsys: Any, value: str, because: str) -> None:
    assert main(["--sequence", value]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "SEQUENCE is " in line and because in line


def test_a_member_learns_from_the_stages_before_and_meets_its_mates_at_the_end(workshop: Any) -> None:
    workshop.trainer(SEQUENCE=("First", ("Second", "Third", "Lucky"))).train_progressively()
    before = [("First", each) for each in ("Second", "Third", "Lucky")]
    assert offers(workshop, "initial") == offers(workshop, "periodic") == before
    assert offers(workshop, "reverse") == [
        ("Second", "First"),
        *[("Second", "Third"), ("Third", "First"), ("Third", "Second")],
        *[("Second", "Lucky"), ("Third", "Lucky"), ("Lucky", "First"), ("Lucky", "Second"), ("Lucky", "Third")],
    ]
    run = read_run(workshop.directory / "run")
    assert run.manifest["sequence"] == ["First", ["Second", "Third", "Lucky"]]
    assert [result.bucket for result in run.results] == ["First", "Second", "Third", "Lucky"]
    assert all(result.evaluation for result in run.results)
    assert [list(run.episodes[bucket])[-1]["episode"] for bucket in run.episodes] == [4, 4, 4, 4]
    alone, *members = run.results
    assert alone.exchange_seconds == 0.0
    assert all(0.0 < result.exchange_seconds < result.seconds for result in members)


def test_what_a_mate_gave_is_kept_as_a_new_version(workshop: Any) -> None:
    workshop.strategy(NUDGE)
    workshop.trainer(SEQUENCE=("First", ("Third", "Second")), TRANSFERS=("nudge",)).train_progressively()
    kept = [line for line in workshop.ledger() if line["verdict"] == "kept" and line["phase"] == "reverse"]
    assert ("Third", "Second") in [(line["source"], line["target"]) for line in kept]
    trained = workshop.directory / "run/stages/Second/models/Second/model.safetensors"
    versions = workshop.directory / "run/models/Second/versions"
    assert (versions / "0001/model.safetensors").read_bytes() == trained.read_bytes(), "as its own training left it"
    assert (versions / "0002/model.safetensors").read_bytes() != trained.read_bytes()


def test_a_stage_may_be_the_first_and_the_only_one(workshop: Any) -> None:
    workshop.trainer(SEQUENCE=(("First", "Second"),), EPISODES=2).train_progressively()
    assert offers(workshop, "initial") == []
    assert offers(workshop, "reverse") == [("First", "Second"), ("Second", "First")]


@pytest.mark.parametrize("early", [True, False])
def test_verdicts_come_as_early_as_in_a_sequence(workshop: Any, early: bool) -> None:
    settings = {"ENABLE_REVERSE_TRANSFER": not early, "SEQUENCE": ("First", ("Second", "Third"), "Lucky")}
    workshop.stop_at = "Lucky: episode 1"
    with pytest.raises(Interrupted):
        workshop.trainer(**settings).train_progressively()
    results = read_run(workshop.directory / "run").results
    assert [bool(result.evaluation) for result in results] == [early] * 3
    workshop.stop_at = ""
    workshop.trainer().resume()
    assert all(result.evaluation for result in read_run(workshop.directory / "run").results)


@pytest.mark.parametrize(
    "at", ["Second: starting", "Second: episode 2", "Third: episode 3", "Third: finished", "Second: part of the run"]
)
def test_one_that_was_stopped_goes_on_to_the_same_bytes(workshop: Any, at: str) -> None:
    workshop.trainer("whole", SEQUENCE=STAGED).train_progressively()
    workshop.stop_at = at
    with pytest.raises(Interrupted) as stopped:
        workshop.trainer(SEQUENCE=STAGED).train_progressively()
    assert stopped.value.run_dir == workshop.directory / "run"
    workshop.stop_at = ""
    paths = workshop.trainer().resume()
    assert list(paths) == ["First", "Second", "Third"]
    assert left(workshop.directory / "run") == left(workshop.directory / "whole")


def test_one_that_dies_at_any_of_its_writes_goes_on_to_the_same_bytes(
    workshop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each third write of a store in turn is the last: what was written stays, and nothing is cleaned up behind it."""
    settings = {"SEQUENCE": STAGED, "EPISODES": 1}
    workshop.trainer("whole", **settings).train_progressively()
    whole, write, count = left(workshop.directory / "whole"), run_store.write_commit, 0

    def dies(*arguments: Any) -> None:
        nonlocal count
        count -= 1
        if count == 0:
            raise KeyboardInterrupt
        if count > 0:
            write(*arguments)

    for moment in range(1, 100, 3):
        count = moment
        monkeypatch.setattr(run_store, "write_commit", dies)
        run = f"run-{moment}"
        try:
            workshop.trainer(run, **settings).train_progressively()
        except KeyboardInterrupt:
            monkeypatch.setattr(run_store, "write_commit", write)
            workshop.trainer(run).resume()
            assert left(workshop.directory / run) == whole, f"write {moment}"
        else:
            assert moment > 10
            break


def test_with_more_workers_from_somewhere_on_and_one_of_them_killed_the_bytes_are_the_same(
    workshop: Any, capfd: Any
) -> None:
    workshop.strategy(NUDGE)
    workshop.trainer("one", SEQUENCE=STAGED).train_progressively()
    workshop.stop_at = "Third: episode 1"
    with pytest.raises(Interrupted):
        workshop.trainer("two", SEQUENCE=STAGED).train_progressively()
    workshop.stop_at = ""
    workshop.install("killer", plugins={"killer": "killer_plugin"}, killer_plugin=KILLS_ITSELF)
    workshop.said.clear()
    workshop.trainer("two", workers=2, SEQUENCE=STAGED).resume()
    assert left(workshop.directory / "two") == left(workshop.directory / "one")
    assert any("was ended by SIGKILL" in line and "going on from there" in line for line in workshop.said)
    assert "a worker was lost" in capfd.readouterr().err
    assert [child for child in psutil.Process().children() if "resource_tracker" not in str(child.cmdline())] == []


class Watcher:
    @hookimpl
    def on_episode_end(self, bucket: Any) -> None:
        pass


@pytest.mark.parametrize(
    ("error", "because", "asked"),
    [
        (ConfigError, "train one after the other", {"SEQUENCE": ("First", "Second")}),
        (PluginError, "Watcher: works in this process only", {"SEQUENCE": STAGED, "plugins": (Watcher(),)}),
        (ConfigError, "on_episode is asked in this process", {"SEQUENCE": STAGED, "on_episode": lambda _: None}),
    ],
)
def test_workers_that_could_do_nothing_or_not_all_are_refused(
    workshop: Any, error: type[Exception], because: str, asked: dict[str, Any]
) -> None:
    with pytest.raises(error, match=because):
        workshop.trainer(workers=2, **asked).train_progressively()
    assert not (workshop.directory / "run").exists()


def test_the_store_of_a_member_that_is_gone_is_begun_anew_or_missed(workshop: Any) -> None:
    for at in ("Third: episode 2", "Second: part of the run"):
        workshop.stop_at = at
        with pytest.raises(Interrupted):
            workshop.trainer(at[:6], SEQUENCE=STAGED).train_progressively()
        shutil.rmtree(workshop.directory / at[:6] / "stages/Third")
    workshop.stop_at = ""
    workshop.trainer("Third:").resume()
    with pytest.raises(RunError, match="stages/Third: gone, and Second of its stage is part of the run already"):
        workshop.trainer("Second").resume()


def test_a_stage_in_training_says_from_where_a_change_applies_and_keeps_its_members(workshop: Any) -> None:
    workshop.stop_at = "Third: episode 1"
    with pytest.raises(Interrupted):
        workshop.trainer(SEQUENCE=(*STAGED, "Lucky"), EPISODES=3).train_progressively()
    workshop.stop_at = ""
    with pytest.raises(ConfigError, match=r"stay, in front and in their order \(First, \(Second, Third\)\)"):
        workshop.trainer().resume({"SEQUENCE": ["First", "Second", "Third", "Lucky"]})
    told: list[str] = []
    longer = {"EPISODES": {"Third": 2, "Lucky": 1}, "SEQUENCE": [*STAGED, ["Lucky", "Stuck"]]}
    workshop.trainer().resume(longer, on_message=told.append)
    assert any(line.startswith("EPISODES") and line.endswith("from episode 2 of Third") for line in told)
    assert "First, Second: finished, and not trained again" in told
    run = read_run(workshop.directory / "run")
    assert {change["key"]: (change["bucket"], change["episode"]) for change in run.manifest["changes"]} == {
        "EPISODES": ("Third", 1),
        "SEQUENCE": ("Third", 1),
    }
    assert {result.bucket: result.episodes for result in run.results} == {
        "First": 3,
        "Second": 3,
        "Third": 2,
        "Lucky": 1,
        "Stuck": 3,
    }


def test_a_fork_of_a_stage_in_training_is_a_copy_that_ends_with_the_same_bytes(workshop: Any) -> None:
    workshop.trainer("whole", SEQUENCE=STAGED).train_progressively()
    workshop.stop_at = "Third: episode 2"
    with pytest.raises(Interrupted):
        workshop.trainer(SEQUENCE=STAGED).train_progressively()
    workshop.stop_at = ""
    workshop.trainer().resume(fork=True)
    (fork,) = (run.directory for run in list_runs(workshop.directory / "runs"))
    assert left(fork) == left(workshop.directory / "whole")
    assert list_runs(workshop.directory / "runs")[0].sequence == STAGED


def test_scratch_arms_and_an_order_that_is_found_have_no_stages(workshop: Any) -> None:
    workshop.strategy(NUDGE)
    workshop.trainer(SEQUENCE=STAGED).train_progressively(scratch_arms=True)
    assert [result.bucket for result in read_run(workshop.directory / "run/scratch").results] == ["Second"]
    workshop.trainer("found", SEQUENCE=STAGED).train_progressively(find_order=True)
    found = read_run(workshop.directory / "found").manifest["sequence"]
    assert sorted(found) == ["First", "Second", "Third"]


def test_events_of_members_come_as_they_train_and_each_once(
    workshop: Any, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    monkeypatch.chdir(workshop.directory)
    Path("config.json").write_text(json.dumps({"SEQUENCE": STAGED, "EPISODES": 2, "DEVICE": "cpu"}))
    assert main(["--json", "--run-dir", "run", "-p", "no:report"]) == 0
    events = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    for event in events:
        SCHEMA.validate(event)
    told = [(event["event"], event["bucket"]) for event in events if event["event"] in {"episode", "bucket_end"}]
    members = [
        *[("episode", "Second")] * 2,
        *[("episode", "Third")] * 2,
        ("bucket_end", "Second"),
        ("bucket_end", "Third"),
    ]
    assert told == [*[("episode", "First")] * 2, ("bucket_end", "First"), *members]
    made = [event["reason"] for event in events if event["event"] == "transfer"]
    assert sorted(made) == sorted(line["reason"] for line in workshop.ledger())
    assert events[0]["sequence"] == ["First", ["Second", "Third"]]
