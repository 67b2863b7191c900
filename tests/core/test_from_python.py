"""From Python: plugins that are objects, and a function that gets every episode's report."""

import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve

from progressive_core.engine.run import Interrupted
from progressive_training import (
    ConfigError,
    EpisodeReport,
    Knowledge,
    PluginError,
    ProgressiveTrainer,
    Resources,
    RunError,
    StopRequest,
    hookimpl,
)


class Counts:
    """A plugin that counts the episodes of a run."""

    def __init__(self) -> None:
        self.episodes = 0

    @hookimpl
    def on_episode_end(self) -> None:
        self.episodes += 1


class Copies:
    """A strategy with a name of its own."""

    name = "copies"

    @hookimpl
    def transfer(self, source: Knowledge, target: Knowledge) -> Knowledge:
        return evolve(target, weights=source.weights)


def manifest_of(workshop: Any) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((workshop.directory / "run" / "manifest.json").read_text())
    return manifest


def test_objects_are_called_and_stand_in_the_manifest(workshop: Any) -> None:
    counts = Counts()
    workshop.trainer(plugins=(counts, Copies(), "no:weights")).train_progressively()
    assert counts.episodes == 8
    assert {line["strategy"] for line in workshop.ledger()} >= {"copies"} and workshop.verdicts("copies", "initial")
    plugins = manifest_of(workshop)["plugins"]
    assert plugins["Counts"] == plugins["copies"] == "this process" and "weights" not in plugins


def test_a_bucket_may_be_an_object(workshop: Any) -> None:
    from line_bucket import LineBucket

    trainer = workshop.trainer(plugins=(LineBucket("Fourth"),), SEQUENCE=("First", "Fourth"))
    assert set(trainer.train_progressively()) == {"First", "Fourth"}
    assert manifest_of(workshop)["plugins"]["Fourth"] == "this process"


class Enlarges:
    @hookimpl
    def on_bucket_start(self, resource: Resources) -> None: ...


def test_an_object_whose_name_cannot_be_read_is_named_by_its_class(workshop: Any) -> None:
    class Nameless(Counts):
        @property
        def name(self) -> str:
            raise RuntimeError("no name")

    workshop.trainer(plugins=(Nameless(),), EPISODES=1).train_progressively()
    assert "Nameless" in manifest_of(workshop)["plugins"]


@pytest.mark.parametrize(
    ("plugins", "message"),
    [
        ((Enlarges(),), r"plugin 'Enlarges' \(this process\): .* the hook has no argument 'resource'"),
        ((3,), r"plugin 'int' \(this process\): a int implements no hook"),
    ],
)
def test_an_object_is_checked_like_any_plugin(workshop: Any, plugins: tuple[Any, ...], message: str) -> None:
    with pytest.raises(PluginError, match=message):
        workshop.trainer(plugins=plugins).train_progressively()
    assert not (workshop.directory / "run").exists()


def test_two_objects_of_one_name_are_refused(workshop: Any) -> None:
    with pytest.raises(ConfigError, match="two objects are named 'Counts'"):
        workshop.trainer(plugins=(Counts(), Counts()))
    named = type("Watch", (Counts,), {"name": "watch"})()
    with pytest.raises(PluginError, match="the name 'watch' is taken twice: .* of this process"):
        workshop.trainer(plugins=(named,)).train_progressively()


def test_isolated_buckets_and_a_resume_without_the_object_are_refused_by_name(workshop: Any) -> None:
    with pytest.raises(PluginError, match="^Counts: works in this process only"):
        workshop.trainer(plugins=(Counts(),)).train_progressively(isolate=True)
    workshop.stop_at = "Second: episode 2"
    with pytest.raises(Interrupted):
        workshop.trainer(plugins=(Counts(),)).train_progressively()
    workshop.stop_at = ""
    with pytest.raises(RunError, match=r"run: Counts was an object of the process that began it"):
        workshop.trainer().resume()
    with pytest.raises(PluginError, match="^Counts: works in this process only"):
        workshop.trainer(plugins=(Counts(),)).resume(isolate=True)
    counts = Counts()
    workshop.trainer(plugins=(counts,)).resume()
    assert counts.episodes == 2


def test_an_observer_of_this_process_sees_nothing_of_isolated_buckets_so_it_is_refused(workshop: Any) -> None:
    class Watches:
        @hookimpl(wrapper=True)
        def cleanup(self) -> Any:
            return (yield)

    trainer = workshop.trainer()
    trainer.manager.register(Watches())
    with pytest.raises(PluginError, match="^Watches: works in this process only"):
        trainer.train_progressively(isolate=True)


@pytest.mark.parametrize("isolate", [False, True])
def test_every_report_comes_to_on_episode_in_this_process_and_it_may_stop_the_bucket(
    workshop: Any, isolate: bool
) -> None:
    seen: list[tuple[str, int, int]] = []

    def on_episode(report: EpisodeReport) -> StopRequest | None:
        seen.append((report.bucket, report.episode, os.getpid()))
        return StopRequest("enough") if (report.bucket, report.episode) == ("First", 2) else None

    trained = workshop.trainer(on_episode=on_episode)
    trained.train_progressively(isolate=isolate)
    here = os.getpid()
    assert seen == [("First", 1, here), ("First", 2, here), *(("Second", number, here) for number in (1, 2, 3, 4))]
    results = json.loads((workshop.directory / "run" / "state.json").read_text())["results"]
    assert [result["stopped"] for result in results] == ["on_episode: enough", "all episodes trained"]


@pytest.mark.parametrize("isolate", [False, True])
@pytest.mark.parametrize(
    ("on_episode", "message"),
    [
        (lambda report: 1 / 0, "on_episode failed: ZeroDivisionError"),
        (lambda report: "stop", "on_episode must return StopRequest or None; got a str: 'stop'"),
    ],
)
def test_what_on_episode_does_wrong_is_named(
    workshop: Any, on_episode: Callable[[Any], Any], message: str, isolate: bool
) -> None:
    with pytest.raises(PluginError, match=message):
        workshop.trainer(on_episode=on_episode).train_progressively(isolate=isolate)


def test_scratch_arms_and_probes_are_not_reported(workshop: Any) -> None:
    seen: list[str] = []
    workshop.strategy("from attrs import evolve; return evolve(target, weights=source.weights)")
    trainer = workshop.trainer(on_episode=lambda report: seen.append(report.bucket), EPISODES=5)
    trainer.train_progressively(scratch_arms=True, find_order=True)
    assert len(seen) == 10


def test_on_episode_must_be_a_function() -> None:
    with pytest.raises(ConfigError, match="on_episode is 3, expected a function"):
        ProgressiveTrainer(on_episode=3)  # type: ignore[arg-type]
