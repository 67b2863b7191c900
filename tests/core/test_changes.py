"""A run that has begun goes on with other settings: what is applied, told and recorded, and what is refused. Real runs."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from progressive_app.config.resolve import defaults
from progressive_app.json_values import json_values
from progressive_app.store.atomic_files import write_json
from progressive_core.engine.run import Interrupted
from progressive_training import ConfigError, ProgressiveTrainer, RunError

RATED = (
    (Path(__file__).parent / "line_bucket.py")
    .read_text()
    .replace("- 0.05 *", "- 50 * self.bucket.settings['LEARNING_RATE'] *")
)
IN_SECOND = "Second: episode 2"


@pytest.fixture
def rated(workshop: Any) -> Any:
    """The workshop, whose buckets learn at the learning rate, and a run in it that stopped in its second bucket."""
    (workshop.directory / "acme/line_bucket.py").write_text(RATED)
    stopped(workshop, IN_SECOND)
    return workshop


def stopped(workshop: Any, where: str, **settings: Any) -> None:
    workshop.stop_at = where
    with pytest.raises(Interrupted):
        workshop.trainer(**settings).train_progressively()
    workshop.stop_at = ""


def files(run: Path, *names: str) -> dict[str, bytes]:
    """The bytes of every file of a run below the directories `names`; all of it without."""
    below = [run / name for name in names] or [run]
    return {
        str(path.relative_to(run)): path.read_bytes()
        for directory in below
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def read(run: Path, name: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((run / name).read_text())
    return value


def test_without_a_change_a_resumed_run_is_the_same_to_the_byte(rated: Any) -> None:
    run = rated.directory / "run"
    before = files(run)
    rated.said.clear()
    rated.trainer().resume()
    rated.trainer("whole").train_progressively()
    assert files(run, "models") == files(rated.directory / "whole", "models")
    assert [files(run)[name] for name in ("config.json", "manifest.json")] == [
        before[name] for name in ("config.json", "manifest.json")
    ]
    assert rated.said[0] == "Second: starting, 4 episodes at most"


def test_a_change_is_told_recorded_and_kept_and_gives_the_same_bytes_again(rated: Any) -> None:
    run, again, same = (rated.directory / name for name in ("run", "again", "same"))
    for copy in (again, same):
        shutil.copytree(run, copy)
    told: list[str] = []
    rated.trainer().resume({"LEARNING_RATE": 3e-4}, on_message=told.append)
    assert told == [
        "LEARNING_RATE 0.001 -> 0.0003: from episode 3 of Second",
        "First: finished, and not trained again",
    ]
    assert read(run, "config.json")["LEARNING_RATE"] == 3e-4
    (change,) = read(run, "manifest.json")["changes"]
    assert change.pop("when") > read(run, "manifest.json")["started"]
    assert change == {"key": "LEARNING_RATE", "old": 1e-3, "new": 3e-4, "bucket": "Second", "episode": 2}
    assert [json.loads(line)["event"] for line in (run / "log.jsonl").read_text().splitlines()].count(told[0]) == 1

    rated.stop_at = "Second: episode 3"
    with pytest.raises(Interrupted):
        rated.trainer("again").resume({"LEARNING_RATE": 3e-4})
    rated.stop_at = ""
    rated.trainer("again").resume()  # the change stays
    rated.trainer("same").resume()
    assert files(again, "models") == files(run, "models")
    assert files(same, "models") != files(run, "models")


@pytest.mark.parametrize(
    ("key", "value", "because"),
    [
        ("FEE", 0.002, "FEE 0.001 -> 0.002: its buckets learn at these costs and are measured at them"),
        ("SEED", 1, "SEED 0 -> 1: all random numbers so far were drawn from it"),
        ("DATA", "/none.csv", 'DATA null -> "/none.csv": its buckets learn from these bars'),
        ("SEQUENCE", ["Second", "First"], "stay, in front and in their order (First, Second)"),
        ("SEQUENCE", ["First"], "stay, in front and in their order (First, Second)"),
        ("HORIZON_RANGE", [1, 5], "keeps its horizons (First, Second); name later ones, like "),
        ("HORIZON_RANGE", {"Second": [1, 5]}, "keeps its horizons (Second)"),
        ("REPLAY_CAPACITY", 5, "REPLAY_CAPACITY 100000 -> 5: the bucket in training has its state by it (Second)"),
    ],
)
def test_what_may_not_change_is_refused_by_name_and_nothing_is_touched(
    rated: Any, key: str, value: object, because: str
) -> None:
    run = rated.directory / "run"
    before = files(run)
    with pytest.raises(ConfigError) as caught:
        rated.trainer().resume({key: value, "LEARNING_RATE": 0.5})
    line = str(caught.value)
    assert line.startswith(f"{run}: a run that has begun cannot go on so: {key} ")
    assert because in line
    assert "LEARNING_RATE" not in line
    assert line.endswith("begin a new run that names this one as its parent with --fork")
    assert files(run) == before


def test_a_finished_run_that_refuses_stays_finished(workshop: Any) -> None:
    workshop.trainer().train_progressively()
    before = files(workshop.directory / "run")
    with pytest.raises(ConfigError, match="TEST_SHARE 0.25 -> 0.3"):
        workshop.trainer().resume({"TEST_SHARE": 0.3})
    assert files(workshop.directory / "run") == before


def test_buckets_that_have_not_begun_may_be_others(rated: Any) -> None:
    rated.trainer().resume(
        {
            "SEQUENCE": ["First", "Second", "Third", "Stuck"],
            "HORIZON_RANGE": {"Third": [1, 9]},
            "EPISODES": {"Stuck": 2},
        }
    )
    results = read(rated.directory / "run", "state.json")["results"]
    assert {each["bucket"]: each["episodes"] for each in results} == {"First": 4, "Second": 4, "Third": 4, "Stuck": 2}
    horizons = read(rated.directory / "run", "models/Third/card.json")["knowledge"]["horizons"]
    assert list(horizons) == ["1", "6", "9"]
    manifest = read(rated.directory / "run", "manifest.json")
    assert manifest["sequence"] == ["First", "Second", "Third", "Stuck"]
    assert {each["key"]: (each["bucket"], each["episode"]) for each in manifest["changes"]} == dict.fromkeys(
        ("SEQUENCE", "EPISODES", "HORIZON_RANGE"), ("Second", 2)
    )


@pytest.mark.parametrize("episodes", [1, 2])
def test_no_episode_is_trained_beyond_those_that_are_asked_for_now(rated: Any, episodes: int) -> None:
    told: list[str] = []
    rated.said.clear()
    rated.trainer().resume({"EPISODES": episodes}, on_message=told.append)
    assert told[0].endswith("at once: Second ends with the 2 episodes that it has")
    assert not any("Second: episode" in line for line in rated.said)
    assert any(line.startswith("Second: finished, all episodes trained; best score -") for line in rated.said)
    rated.trainer("short", EPISODES={"First": 4, "Second": 2}).train_progressively()
    assert files(rated.directory / "run", "models") == files(rated.directory / "short", "models")
    ended, short = (read(rated.directory / name, "state.json")["results"][-1] for name in ("run", "short"))
    same = ("episodes", "stopped", "best_score", "best_episode", "evaluation")
    assert [ended[name] for name in same] == [short[name] for name in same]


def test_between_two_buckets_what_the_state_is_made_by_may_change(workshop: Any) -> None:
    stopped(workshop, "First: finished")
    told: list[str] = []
    workshop.trainer().resume({"REPLAY_CAPACITY": 7, "DEVICE": "auto"}, on_message=told.append)
    assert any(line.startswith("REPLAY_CAPACITY") and line.endswith(" from Second on") for line in told)
    assert read(workshop.directory / "run", "manifest.json")["device"]  # auto means what it means here


def test_a_finished_run_goes_on_with_later_buckets_and_its_own_stay(workshop: Any) -> None:
    workshop.trainer(ENABLE_REVERSE_TRANSFER=False).train_progressively()
    run = workshop.directory / "run"
    before = files(run, "models")
    told: list[str] = []
    workshop.trainer().resume({"EPISODES": 6}, on_message=told.append)
    assert told == [
        "EPISODES 4 -> 6: to no bucket: all have begun, and stay as they are",
        "First, Second: finished, and not trained again",
    ]
    workshop.trainer().resume({"SEQUENCE": ["First", "Second", "Third"]})
    results = {each["bucket"]: each["episodes"] for each in read(run, "state.json")["results"]}
    assert results == {"First": 4, "Second": 4, "Third": 6}
    assert {name: content for name, content in files(run, "models").items() if "Third" not in name} == before


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ([1], r"settings is \[1\], expected a dictionary"),
        ({"LERNING_RATE": 1}, "settings: unknown setting .*the nearest known setting is LEARNING_RATE"),
        ({"LEARNING_RATE": 2}, "settings: LEARNING_RATE is 2, expected a number above 0"),
        ({"EPISODES": {"Third": 2}}, 'settings: EPISODES names "Third" .* is not in the sequence First, Second'),
    ],
)
def test_a_wrong_change_is_refused_as_a_wrong_setting_is(rated: Any, settings: Any, line: str) -> None:
    before = files(rated.directory / "run")
    with pytest.raises(ConfigError, match=line):
        rated.trainer().resume(settings)
    assert files(rated.directory / "run") == before


def test_a_setting_that_is_newer_than_the_run_is_at_its_default_and_told(rated: Any) -> None:
    file = rated.directory / "run/config.json"
    written = json.loads(file.read_text())
    del written["CACHE_MB"]
    write_json(file, written)
    rated.said.clear()
    rated.trainer().resume()
    assert rated.said[0] == f"{file}: older than the settings CACHE_MB (2048), which are at their defaults"


def test_a_setting_that_is_unknown_or_lost_is_refused(rated: Any) -> None:
    file = rated.directory / "run/config.json"
    written = json.loads(file.read_text())
    write_json(file, {**written, "CASH_MB": 3})
    with pytest.raises(ConfigError, match=r'run/config.json: unknown setting "CASH_MB"'):
        rated.trainer().resume()
    write_json(file, {key: value for key, value in written.items() if key != "FEE"})
    with pytest.raises(RunError, match=r"run/config.json: FEE missing; put the run's file back"):
        rated.trainer().resume()


def test_a_run_goes_on_with_a_setting_of_its_bars_that_is_newer_than_it(rated: Any) -> None:
    run = rated.directory / "run"
    manifest = read(run, "manifest.json")
    write_json(
        run / "manifest.json", {**manifest, "rests_on": [key for key in manifest["rests_on"] if key != "REGIMES"]}
    )
    written = read(run, "config.json")
    del written["REGIMES"]
    write_json(run / "config.json", written)
    rated.said.clear()
    rated.trainer().resume()
    assert rated.said[0].endswith("older than the settings REGIMES (null), which are at their defaults")


def test_a_change_that_a_kill_cut_short_is_done_when_the_run_goes_on(rated: Any) -> None:
    run = rated.directory / "run"
    manifest = read(run, "manifest.json")
    write_json(run / "manifest.json", {**manifest, "changing": {**read(run, "config.json"), "LEARNING_RATE": 0.5}})
    rated.trainer().resume()
    assert read(run, "config.json")["LEARNING_RATE"] == 0.5
    assert read(run, "manifest.json")["changing"] is None


def test_going_back_behind_a_change_is_told(rated: Any) -> None:
    run = rated.directory / "run"
    manifest = read(run, "manifest.json")
    change = {"when": "then", "key": "PATIENCE", "old": 1, "new": 2, "bucket": "Second", "episode": 3}
    write_json(run / "manifest.json", {**manifest, "changes": [change]})
    rated.said.clear()
    rated.trainer().resume()
    assert rated.said[0].startswith("PATIENCE changed after episode 3 of Second, and the run goes on from before that")


def test_scratch_arms_after_a_change_are_not_passed_off_as_a_comparison(rated: Any) -> None:
    rated.said.clear()
    rated.trainer().resume({"LEARNING_RATE": 3e-4}, scratch_arms=True)
    assert any(
        "LEARNING_RATE changed during this run: the difference is not due to transfer alone" in line
        for line in rated.said
    )


def test_plugins_that_observe_come_and_go_and_the_console_is_no_change(rated: Any) -> None:
    run = rated.directory / "run"
    seen = len(rated.seen)
    rated.trainer(plugins=("no:watch", "no:console")).resume()
    assert len(rated.seen) == seen
    assert read(run, "config.json")["PLUGINS"] == ["no:report", "no:watch"]
    assert [each["key"] for each in read(run, "manifest.json")["changes"]] == ["PLUGINS"]
    rated.trainer(plugins=("watch",)).resume({"SEQUENCE": ["First", "Second", "Third"]})
    assert len(rated.seen) > seen
    assert read(run, "config.json")["PLUGINS"] == ["no:report", "watch"]


def uninstall(workshop: Any, distribution: str) -> None:
    shutil.rmtree(workshop.directory / distribution)


def test_a_strategy_does_not_vanish_without_a_word(rated: Any) -> None:
    rated.strategy("return None")
    stopped(rated, IN_SECOND, run="taught")
    uninstall(rated, "nudger")
    with pytest.raises(
        RunError, match=r"taught: nudge \(nudger 1.2\) had a part in this run and is not installed any more"
    ):
        rated.trainer("taught").resume()
    assert list(rated.trainer("taught").resume(fork=True)) == ["First", "Second"]


def test_an_observer_may_be_gone(workshop: Any) -> None:
    observer = "from progressive_training import hookimpl\n\n@hookimpl\ndef cleanup(bucket):\n    pass\n"
    workshop.install("looker", plugins={"look": "look_plugin"}, look_plugin=observer)
    stopped(workshop, IN_SECOND)
    uninstall(workshop, "looker")
    assert list(workshop.trainer().resume()) == ["First", "Second"]


def test_a_failing_plugin_can_be_disabled_by_the_policy_when_the_run_goes_on(rated: Any) -> None:
    failing = (
        "from progressive_training import hookimpl\n\n@hookimpl\ndef on_episode_end(bucket, episode):\n    1 / 0\n"
    )
    rated.install("failing", plugins={"fail": "fail_plugin"}, fail_plugin=failing)
    assert list(rated.trainer().resume({"PLUGIN_ERRORS": "disable"})) == ["First", "Second"]


def forks(workshop: Any) -> Path:
    (fork,) = (workshop.directory / "runs").iterdir()
    return fork


@pytest.mark.parametrize("settings", [{}, {"SEQUENCE": ["First", "Second", "Third"], "LEARNING_RATE": 1e-3}])
def test_a_fork_that_may_go_on_is_a_copy_that_does(rated: Any, settings: dict[str, Any]) -> None:
    run = rated.directory / "run"
    before = files(run)
    paths = rated.trainer().resume(settings, fork=True)
    assert files(run) == before
    fork = forks(rated)
    assert paths["First"] == fork / "models/First/model.safetensors"
    assert read(fork, "manifest.json")["parent"] == {"run": str(run), "bucket": "Second", "episode": 2}
    rated.trainer().resume(settings)
    assert files(fork, "models") == files(run, "models")
    assert read(fork, "manifest.json")["started"] > read(run, "manifest.json")["started"]


def test_a_fork_that_may_not_go_on_begins_anew_taught_by_its_parent(rated: Any) -> None:
    run = rated.directory / "run"
    before = files(run)
    rated.said.clear()
    rated.trainer().resume({"FEE": 0.002}, fork=True)
    assert files(run) == before
    fork = forks(rated)
    assert rated.said[0] == (
        f"{fork}: a new run from the first bucket on, taught by the parent's First; {run}, its parent, cannot go on with FEE"
    )
    manifest = read(fork, "manifest.json")
    assert manifest["teachers"] == [
        {"run": str(run), "bucket": "First", "pupil": None, "forced": False, "name": "run/First", "seen_until": ""}
    ]
    assert manifest["parent"] == {"run": str(run), "bucket": "Second", "episode": 2}
    assert [each["bucket"] for each in read(fork, "state.json")["results"]] == ["First", "Second"]
    lines = [json.loads(line) for line in (fork / "ledger.jsonl").read_text().splitlines()]
    assert ("run/First", "First") in {(line["source"], line["target"]) for line in lines}
    assert read(fork, "config.json")["FEE"] == 0.002


def test_nothing_teaches_a_fork_that_is_to_see_other_bars(rated: Any) -> None:
    rated.trainer().resume({"TEST_SHARE": 0.3}, fork=True)
    assert read(forks(rated), "manifest.json")["teachers"] == []


def test_a_fork_of_what_is_not_installed_begins_nothing(rated: Any) -> None:
    with pytest.raises(Exception, match="no bucket 'Fourth' is installed"):
        rated.trainer().resume({"SEQUENCE": ["First", "Second", "Fourth"]}, fork=True)
    assert not (rated.directory / "runs").exists()


OTHERS = {
    "EPISODES": 5,
    "PATIENCE": 3,
    "THREADS": 2,
    "PRECISION": "fp32",
    "USE_CROSS_BUCKET_TRANSFER": False,
    "TRANSFER_COOLDOWN": 1,
    "WEIGHT_TRANSFER_ALPHA": 0.5,
    "FEATURE_TRANSFER_ALPHA": 0.1,
    "ENABLE_REVERSE_TRANSFER": False,
    "TRANSFERS": ("features",),
    "MEMORY_THRESHOLD": 0.9,
    "ADAPTIVE_EXPLORATION": False,
    "PRIORITISED_REPLAY": False,
    "POST_TRADE_LESSONS": False,
    "CONTEXTUAL_MEMORY": False,
    "PARALLEL_EPISODES": 8,
    "EPISODE_BARS": 32,
    "BATCH_SIZE": 64,
    "UPDATES_PER_EPISODE": 3,
    "LEARNING_RATE": 3e-3,
    "EXPLORATION": 0.3,
    "PLUGINS": ("no:report",),
    "PLUGIN_ERRORS": "warn",
    "KEEP_CHECKPOINTS": 1,
    "CACHE_MB": 0,
    "DATA_MB": 3000,
    "CACHE_DIR": "shared",
    "WARM_START": "never",
    "DISCOUNT": 0.9,
    "RELUCTANCE": 1.0,
    "DROPOUT": 0.1,
    "WEIGHT_DECAY": 0.5,
    "TRACKING": 0.1,
    "AUXILIARY_WEIGHT": 0.2,
    "TRACE": 0.9,
    "LOOKAHEAD": 2,
    "HOLDING": 0.01,
}


def test_the_built_in_learner_goes_on_from_its_checkpoint_with_any_of_them_changed(tmp_path: Path) -> None:
    assert {"RUNS_DIR", "TENSORBOARD_DIR", "MLFLOW_TRACKING_URI", *OTHERS} == {
        key for key, setting in defaults().declared.items() if setting.may_change == "any time"
    }
    asked = {
        "SYNTHETIC_BARS": 3000,
        "HORIZON_RANGE": (1, 12),
        "EPISODES": 3,
        "DEVICE": "cpu",
        "SEQUENCE": ("Scalping",),
    }
    sizes = {"PARALLEL_EPISODES": 4, "EPISODE_BARS": 64, "UPDATES_PER_EPISODE": 5, "REPLAY_CAPACITY": 500}
    settings = {**defaults(), **asked, **sizes}

    def resumed(name: str, **changes: Any) -> bytes:
        shutil.copytree(tmp_path / "run", tmp_path / name)
        path = ProgressiveTrainer(settings=settings, run_dir=tmp_path / name).resume(changes)["Scalping"]
        return path.read_bytes()

    def stop(line: str) -> None:
        if "episode 2" in line:
            trainer.interrupt()

    trainer = ProgressiveTrainer(stop, settings=settings, run_dir=tmp_path / "run", plugins=("no:report",))
    with pytest.raises(Interrupted):
        trainer.train_progressively()
    assert resumed("one", **OTHERS) == resumed("two", **OTHERS)
    plainly, faster = resumed("plain"), resumed("faster", LEARNING_RATE=3e-3)
    assert plainly != faster
    assert resumed("fast", LEARNING_RATE=3e-3) == faster
    recorded = {each["key"]: each["new"] for each in read(tmp_path / "one", "manifest.json")["changes"]}
    assert recorded == {key: json_values(value) for key, value in OTHERS.items() if key != "PLUGINS"}
