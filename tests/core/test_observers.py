"""Observers: they see every call of a run, change none, and are blamed for what they do themselves."""

import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from progressive_app.discovery.installed_plugins import installed_registry
from progressive_app.machine.logs import configure_logging
from progressive_app.testing.scene import bucket_info, episode_report, small_settings
from progressive_core.plugins.hooks import Hooks
from progressive_core.plugins.manager import Manager
from progressive_training import BucketInfo, PluginError, Resources, hookimpl

BUCKET = bucket_info("Long", (6,), Path("run"), small_settings(None))
RESOURCES = Resources(device="cpu", parallel_episodes=64, batch_size=512)
EPISODE = episode_report(1)
Wrapper = Generator[None, Any, Any]


class Watches:
    """Implements every hook as a wrapper, and notes who was called with what."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []

    @hookimpl(wrapper=True)
    def on_bucket_start(self, bucket: BucketInfo) -> Wrapper:
        self.calls.append(("on_bucket_start", bucket.name))
        return (yield)

    @hookimpl(wrapper=True)
    def transfer(self, source: Any, target: Any, context: Any) -> Wrapper:
        self.calls.append(("transfer", source.origin, target.origin, context.phase, context.episode))
        return (yield)

    @hookimpl(wrapper=True)
    def on_episode_end(self, bucket: BucketInfo, episode: Any) -> Wrapper:
        self.calls.append(("on_episode_end", bucket.name, episode.episode))
        return (yield)

    @hookimpl(hookwrapper=True)
    def cleanup(self, bucket: BucketInfo, error: object) -> Wrapper:
        self.calls.append(("cleanup", bucket.name, error))
        yield


def test_an_observer_sees_the_exact_sequence_of_calls_of_a_run(workshop: Any) -> None:
    workshop.strategy("return None")
    alone = ("nudge", "watch", "no:memory", "no:cache", "no:early_stopping")
    strategies = ("no:weights", "no:features", "no:horizons", "no:reverse")
    trainer = workshop.trainer(plugins=(*alone, *strategies), TRANSFERS=(), EPISODES=3)
    watches, monitored = Watches(), list[str]()
    trainer.manager.register(watches)
    trainer.manager.add_hookcall_monitoring(lambda hook, *_: monitored.append(hook), lambda *_: None)
    trainer.train_progressively()
    assert watches.calls == [
        ("on_bucket_start", "First"),
        ("on_episode_end", "First", 1),
        ("on_episode_end", "First", 2),
        ("on_episode_end", "First", 3),
        ("cleanup", "First", None),
        ("on_bucket_start", "Second"),
        ("transfer", "First", "Second", "initial", 0),
        ("on_episode_end", "Second", 1),
        ("on_episode_end", "Second", 2),
        ("transfer", "First", "Second", "periodic", 2),
        ("on_episode_end", "Second", 3),
        ("transfer", "Second", "First", "reverse", 3),
        ("cleanup", "Second", None),
    ]
    assert monitored == [call[0] for call in watches.calls]


class Halves:
    """The plugin that is observed."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    @hookimpl
    def on_bucket_start(self, resources: Resources) -> Resources:
        self.calls.append("on_bucket_start")
        return evolve(resources, batch_size=resources.batch_size // 2)

    @hookimpl
    def cleanup(self) -> None:
        self.calls.append("cleanup")
        raise ValueError("the plugin's own")


class RaisesBefore:
    @hookimpl(wrapper=True)
    def on_bucket_start(self) -> Wrapper:
        raise OSError("observer's own")
        yield


class RaisesAfter:
    @hookimpl(wrapper=True)
    def on_bucket_start(self) -> Wrapper:
        yield
        raise OSError("observer's own")


class Swallows:
    @hookimpl(wrapper=True)
    def on_bucket_start(self) -> Wrapper:
        yield


class Changes:
    @hookimpl(wrapper=True)
    def on_bucket_start(self) -> Wrapper:
        return [evolve(answer, batch_size=1) for answer in (yield)]


class ChangesInPlace:
    @hookimpl(hookwrapper=True)
    def on_bucket_start(self) -> Wrapper:
        outcome = yield
        outcome.get_result().clear()


BROKEN = {
    RaisesBefore: "OSError: observer's own",
    RaisesAfter: "OSError: observer's own",
    Swallows: "ResultChanged: an observer must return the result unchanged",
    Changes: "ResultChanged: an observer must return the result unchanged",
    ChangesInPlace: "ResultChanged: an observer must return the result unchanged",
}


def observed(observer: object, policy: Any = "stop") -> tuple[Hooks, Halves, Manager]:
    plugin = Halves()
    manager = Manager({"halves": plugin})
    manager.register(observer, name="spy")
    return Hooks(installed_registry(manager=manager, installed=False), policy), plugin, manager


@pytest.mark.parametrize("observer", BROKEN)
def test_a_broken_observer_is_blamed_and_not_the_plugin(observer: type) -> None:
    hooks, _, _ = observed(observer())
    with pytest.raises(PluginError) as caught:
        hooks.on_bucket_start(BUCKET, RESOURCES)
    around = "observer 'spy' failed around plugin 'halves' (this process): on_bucket_start for bucket 'Long': "
    assert str(caught.value).startswith(around + BROKEN[observer])


@pytest.mark.parametrize("policy", ["disable", "warn"])
@pytest.mark.parametrize("observer", BROKEN)
def test_the_plugin_answers_whatever_its_observer_does(
    observer: type, policy: str, capfd: pytest.CaptureFixture[str]
) -> None:
    configure_logging()
    hooks, plugin, manager = observed(observer(), policy)
    assert [hooks.on_bucket_start(BUCKET, RESOURCES).batch_size for _ in range(2)] == [256, 256]
    assert plugin.calls == ["on_bucket_start"] * 2
    assert manager.has_plugin("halves") and manager.has_plugin("spy") == (policy == "warn")
    assert capfd.readouterr().err.count("an observer failed") == 1  # the log repeats no line


def test_of_two_observers_the_one_that_raised_is_named() -> None:
    hooks, _, manager = observed(Watches())
    with raising_module() as module:
        manager.register(module, name="loud")
        with pytest.raises(PluginError, match="observer 'loud' failed around"):
            hooks.on_bucket_start(BUCKET, RESOURCES)


@contextmanager
def raising_module() -> Iterator[Any]:
    module = type(sys)("raising_module")
    source = "@hookimpl(wrapper=True)\ndef on_bucket_start():\n    1 / 0\n    yield\n"
    exec(source, vars(module) | {"hookimpl": hookimpl}, space := {"__name__": "raising_module"})
    vars(module).update(space)
    yield module


class SwallowsFailures:
    @hookimpl(wrapper=True)
    def cleanup(self) -> Wrapper:
        try:
            yield
        except ValueError:
            return []
        return []


def test_a_plugin_s_failure_cannot_be_hidden_by_an_observer() -> None:
    hooks, _, _ = observed(SwallowsFailures())
    with pytest.raises(PluginError, match="^plugin 'halves' .* failed: ValueError: the plugin's own"):
        hooks.cleanup(BUCKET, None)


def test_of_observers_that_fail_at_the_end_the_plugins_that_they_observe_are_not_blamed() -> None:
    class Closes:
        @hookimpl(wrapper=True)
        def cleanup(self) -> Wrapper:
            yield
            raise OSError("observer's own")

    manager = Manager()
    manager.register(Closes(), name="spy")
    with pytest.raises(PluginError, match="'spy' failed around plugin 'cache'.*'spy' failed around") as caught:
        Hooks(installed_registry(manager=manager), "stop").cleanup(BUCKET, None)
    assert "no:" not in str(caught.value)


def test_a_monitor_that_fails_is_named_under_every_policy() -> None:
    manager = Manager({"halves": Halves()})
    hooks = Hooks(installed_registry(manager=manager, installed=False), "warn")
    manager.add_hookcall_monitoring(lambda *_: 1 / 0, lambda *_: None)
    with pytest.raises(PluginError, match="a function of add_hookcall_monitoring failed around .*ZeroDivisionError"):
        hooks.on_bucket_start(BUCKET, RESOURCES)


def test_what_answers_hooks_is_not_registered_on_the_manager() -> None:
    with pytest.raises(PluginError, match=r"plugin 'spy' \(registered by this process\): the manager takes observers"):
        observed(Halves())


def test_what_answers_hooks_is_not_registered_during_a_run_either() -> None:
    hooks, _, manager = observed(Watches())
    manager.register(Halves(), name="late")
    with pytest.raises(PluginError, match=r"plugin 'late' \(registered during the run\): the manager takes observers"):
        hooks.on_bucket_start(BUCKET, RESOURCES)


def test_an_observer_has_wrappers_only() -> None:
    class Mixed(Swallows):
        @hookimpl
        def cleanup(self) -> None: ...

    with pytest.raises(PluginError, match="some of its hooks are wrappers and some are not"):
        installed_registry(manager=Manager({"mixed": Mixed()}), installed=False)


def test_an_observer_that_is_installed_is_no_one_who_answers() -> None:
    watches = Watches()
    registry = installed_registry(manager=Manager({"watches": watches, "halves": Halves()}), installed=False)
    assert registry.manager.asked("on_bucket_start") == ["halves"]
    assert Hooks(registry).on_episode_end(BUCKET, EPISODE) is None and watches.calls == []
    Hooks(registry).on_bucket_start(BUCKET, RESOURCES)
    assert watches.calls == [("on_bucket_start", "Long")]


def test_a_failed_plugin_is_unregistered() -> None:
    plugin = Halves()
    hooks = Hooks(installed_registry(manager=(manager := Manager({"halves": plugin})), installed=False), "disable")
    hooks.cleanup(BUCKET, None)
    assert hooks.disabled == {"halves"} and not manager.has_plugin("halves")
    Hooks(installed_registry(manager=manager, installed=False))
    assert manager.has_plugin("halves")  # the next run has it again


def test_a_trainers_manager_blocks_what_the_user_blocked_and_no_name_is_left_from_an_earlier_run() -> None:
    manager = Manager({"halves": Halves()})
    assert installed_registry(["no:halves"], manager=manager, installed=False).plugins == ()
    assert installed_registry(manager=manager, installed=False).plugins == ("halves",)
    manager.set_blocked("halves")
    assert installed_registry(manager=manager, installed=False).plugins == ()
    assert installed_registry(manager=manager, installed=False).plugins == ()
