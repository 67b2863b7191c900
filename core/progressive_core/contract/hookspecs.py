"""The five hooks a plugin may implement. Arguments may be left out of an implementation, but not renamed."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

import pluggy

from progressive_core import PROJECT
from progressive_core.contract.records import (
    BucketInfo,
    BucketResult,
    EpisodeReport,
    Knowledge,
    Resources,
    RunInfo,
    Skip,
    StopRequest,
    TransferContext,
)

API_VERSION = 5
"""Of all that a plugin may build on: hooks, records, protocols. It grows by one when something is added to them."""
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def on_bucket_start(bucket: BucketInfo, resources: Resources) -> Resources | None:
    """Called before a bucket trains, to decide what it may use.

    :param bucket: the bucket about to train.
    :param resources: what the policies before this one left it.
    :return: the changed resources, or None to leave them as they are. Each policy sees its predecessor's answer.
    """


@hookspec
def transfer(source: Knowledge, target: Knowledge, context: TransferContext) -> Knowledge | Skip | None:
    """Called at the start of a bucket, every TRANSFER_COOLDOWN episodes, and backward when a bucket ends, once per source.

    A strategy is a pure function of its arguments: it returns new knowledge and changes nothing. It may carry three
    attributes beside the hook: `phases`, a tuple of the phases it wants to be asked in (all when absent);
    `memory_needed(source, target) -> int`, the bytes it needs (the weights of both when absent), by names, types and shapes,
    since the tensors that it is shown lie on torch's device "meta"; `alpha_setting`, the name of the setting that says how
    much it mixes in, which the ledger then shows as `alpha`.

    :param source: what the teaching bucket knows.
    :param target: what the learning bucket knows, with what the strategies before this one changed.
    :param context: the phase (initial, periodic, reverse), the episode, the target's bucket, and what the source showed
        in the target's place on validation data (`proof`), by which a strategy decides how much of it may travel.
    :return: the target's new knowledge, or `Skip` with the reason why nothing travels; None is a Skip without a reason. The
        core measures the target before and after, and rolls back what hurt, or amid training what did not surely help.
    """


@hookspec
def on_episode_end(bucket: BucketInfo, episode: EpisodeReport) -> StopRequest | None:
    """Called after every episode, to observe it or to ask for an end.

    :param bucket: the bucket in training.
    :param episode: what happened.
    :return: a request to stop, or None. All plugins are asked; any one request stops the bucket, and is named.
    """


@hookspec
def cleanup(bucket: BucketInfo, error: BaseException | None) -> None:
    """Called after a bucket, whatever happened, for every plugin, also when another one's cleanup failed.

    :param bucket: the bucket; when it finished, its result is the last of `bucket.results`.
    :param error: what ended the bucket early, or None.
    """


@hookspec
def on_run_end(run: RunInfo, results: tuple[BucketResult, ...], error: BaseException | None) -> None:
    """Called once when a run ends, after its last transfer and its scratch arms, whatever happened, for every plugin, also
    when another one's failed. A resumed run ends once more. It is called in the process that started the run, also where
    each bucket has a process of its own.

    :param run: the run. :param results: those of the buckets that finished, in order.
    :param error: what ended the run early, or None.
    """


HOOKS: Mapping[str, tuple[str, ...]] = {
    name: tuple(inspect.signature(value).parameters)
    for name, value in dict(globals()).items()
    if hasattr(value, f"{PROJECT}_spec")
}
"""Each hook's name and its arguments."""
