"""The check for plugins that observe and decide."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from attrs import evolve

from progressive_app.testing.scene import (
    bucket_info,
    bucket_result,
    contract_as_assertion,
    episode_report,
    require,
    small_settings,
)
from progressive_core.contract.records import BucketInfo, Resources, StopRequest
from progressive_core.plugins.validation import check_observer_object, new_manager


def check_plugin(plugin: object, settings: Mapping[str, Any] | None = None) -> None:
    """Lead a plugin (an instance or a module) through two buckets, one of which ends in an error.

    It must be of valid hooks, answer with the right types, never enlarge the resources that it is given, and clean up
    as often as it is asked, before anything happened too.

    :param settings: changes to the defaults, such as those that make the plugin act.
    :raise AssertionError: saying what is wrong, in words for the plugin's author.
    """
    owner = f"check_plugin: {_name(plugin)}"
    with contract_as_assertion():
        check_observer_object(plugin, owner)
    manager = new_manager()
    manager.register(plugin)
    hook = manager.hook
    with TemporaryDirectory() as directory:
        run_dir = Path(directory)
        first = bucket_info("First", (1, 12), run_dir, small_settings(settings))
        first = evolve(first, sequence=("First", "Second"), episodes=3)
        _clean_up(hook, owner, first, None)
        _train(hook, owner, first)
        done = evolve(first, results=(bucket_result("First", run_dir),))
        _clean_up(hook, owner, done, None)
        _clean_up(hook, owner, done, None)
        second = evolve(done, name="Second")
        _train(hook, owner, second)
        _clean_up(hook, owner, second, RuntimeError("the bucket failed"))


def _train(hook: Any, owner: str, bucket: BucketInfo) -> None:
    given = Resources(
        device="cpu",
        parallel_episodes=bucket.settings["PARALLEL_EPISODES"],
        batch_size=bucket.settings["BATCH_SIZE"],
        memory_needed=1_000_000,
        memory_limit=1 << 40,
    )
    for answer in hook.on_bucket_start(bucket=bucket, resources=given):
        _check_resources(owner, answer, given)
    for number in (1, 2, 3):
        for answer in hook.on_episode_end(bucket=bucket, episode=episode_report(number)):
            require(
                isinstance(answer, StopRequest),
                f"{owner}: on_episode_end must return StopRequest or None; got {answer!r}",
            )
            require(
                isinstance(answer.reason, str) and bool(answer.reason.strip()),
                f"{owner}: a StopRequest needs a reason that a user can read; got {answer.reason!r}",
            )


def _check_resources(owner: str, answer: object, given: Resources) -> None:
    require(isinstance(answer, Resources), f"{owner}: on_bucket_start must return Resources or None; got {answer!r}")
    assert isinstance(answer, Resources)
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


def _clean_up(hook: Any, owner: str, bucket: BucketInfo, error: BaseException | None) -> None:
    answers = hook.cleanup(bucket=bucket, error=error)
    require(not answers, f"{owner}: cleanup must return None; got {answers[:1]!r}")


def _name(plugin: object) -> str:
    return str(getattr(plugin, "__name__", type(plugin).__qualname__))
