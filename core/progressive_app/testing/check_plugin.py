"""The check for plugins that observe and decide."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from attrs import evolve

from progressive_app.discovery.examination import check_plugin_object
from progressive_app.discovery.installed_plugins import installed_registry
from progressive_app.testing.scene import (
    bucket_info,
    bucket_result,
    contract_as_assertion,
    episode_report,
    require,
    small_settings,
)
from progressive_core.contract.core_settings import BATCH_SIZE, PARALLEL_EPISODES
from progressive_core.contract.names import object_name
from progressive_core.contract.records import BucketInfo, Resources, RunInfo
from progressive_core.plugins.hooks import Hooks
from progressive_core.plugins.manager import Manager


def check_plugin(plugin: object, settings: Mapping[str, Any] | None = None) -> None:
    """Lead a plugin (an instance or a module) through a run of two buckets, one of which ends in an error.

    It is called as in a run. Its hooks must be valid, answer with the right types, never enlarge the resources that it is
    given, and clean up as often as it is asked, before anything happened too.

    :param settings: changes to the defaults, such as those that make the plugin act.
    :raise AssertionError: saying what is wrong, in words for the plugin's author.
    """
    owner = f"check_plugin: {getattr(plugin, '__name__', type(plugin).__qualname__)}"
    with contract_as_assertion():
        check_plugin_object(plugin, owner)
    with TemporaryDirectory() as directory, contract_as_assertion(owner):
        hooks = Hooks(installed_registry(manager=Manager({object_name(plugin): plugin}), installed=False))
        run_dir = Path(directory)
        first = bucket_info("First", (1, 12), run_dir, small_settings(settings))
        first = evolve(first, sequence=("First", "Second"), episodes=3)
        hooks.cleanup(first, None)
        _train(hooks, owner, first)
        done = evolve(first, results=(bucket_result("First", run_dir),))
        hooks.cleanup(done, None)
        hooks.cleanup(done, None)
        second = evolve(done, name="Second")
        _train(hooks, owner, second)
        failed = RuntimeError("the bucket failed")
        hooks.cleanup(second, failed)
        run = RunInfo(run_dir=run_dir, sequence=first.sequence, settings=first.settings, seed=first.seed)
        hooks.on_run_end(run, done.results, failed)
        hooks.on_run_end(run, (), None)


def _train(hooks: Hooks, owner: str, bucket: BucketInfo) -> None:
    given = Resources(
        device="cpu",
        parallel_episodes=bucket.settings[PARALLEL_EPISODES],
        batch_size=bucket.settings[BATCH_SIZE],
        memory_needed=1_000_000,
        memory_limit=1 << 40,
    )
    _check_resources(owner, hooks.on_bucket_start(bucket, given), given)
    for number in (1, 2, 3):
        hooks.on_episode_end(bucket, episode_report(number))


def _check_resources(owner: str, answer: Resources, given: Resources) -> None:
    for name in ("parallel_episodes", "batch_size"):
        before, after = getattr(given, name), getattr(answer, name)
        require(
            1 <= after <= before,
            f"{owner}: on_bucket_start may shrink {name}, down to 1, and never enlarge it; it made {after} of {before}",
        )
    require(
        answer.memory_limit is not None
        and given.memory_limit is not None
        and 0 <= answer.memory_limit <= given.memory_limit,
        f"{owner}: on_bucket_start may lower memory_limit and never lift it: another policy set it; "
        f"it made {answer.memory_limit} of {given.memory_limit}",
    )
