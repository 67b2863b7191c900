"""`Run`: all that the engine works with, and the records of it that buckets and plugins get."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import structlog
from attrs import evolve, field, frozen

from progressive_core.contract.core_settings import BATCH_SIZE, EPISODES, HORIZON_RANGE, PARALLEL_EPISODES, SEED
from progressive_core.contract.errors import PluginError, printable
from progressive_core.contract.machine import Machine
from progressive_core.contract.protocols import Bucket, Learner, trains
from progressive_core.contract.records import BucketInfo, Knowledge, Resources, RunInfo, Sizes
from progressive_core.contract.setting import Settings, as_settings
from progressive_core.contract.store import Store
from progressive_core.plugins.hooks import Hooks

log = structlog.get_logger("progressive_training")


@frozen(kw_only=True)
class Run:
    """One run: what to train, with which plugins, in which store and on which machine.

    `teachers` is knowledge from outside this run, offered as that of earlier buckets is; `progress` gets a line of text at
    every step; `interrupted` is asked after every episode. `compared` is given for scratch arms: the number of episodes of
    the bucket that each is compared with. An arm trains at least as many, and its data are not checked again. `prepared` is what
    its buckets keep in memory for each other; it is empty again when the run ends.
    """

    buckets: Sequence[Bucket]
    settings: Settings
    device: str
    hooks: Hooks
    store: Store
    machine: Machine
    teachers: Sequence[Knowledge]
    progress: Callable[[str], None]
    interrupted: Callable[[], bool]
    compared: Mapping[str, int] = field(factory=dict)
    prepared: dict[Any, Any] = field(factory=dict, repr=False)


@frozen(kw_only=True)
class Training:
    """One bucket of a run in training."""

    run: Run
    info: BucketInfo
    resources: Resources
    learner: Learner


def always_clean_up(run: Run, info: BucketInfo) -> AbstractContextManager[None]:
    """Call every plugin's cleanup, whatever happened; a failing cleanup never hides the error that ended the bucket."""

    def end(error: BaseException | None) -> None:
        run.hooks.cleanup(info if error else evolve(info, results=run.store.progress.results), error)

    return _always(end, "cleanup failed")


def always_end_run(current: Callable[[], Run]) -> AbstractContextManager[None]:
    """Forget what was prepared, and call every plugin's `on_run_end`, whatever happened; one that fails never hides the error
    that ended the run.

    :param current: the run as it stands, asked at its end: its order may have been found meanwhile.
    """

    def end(error: BaseException | None) -> None:
        run = current()
        run.prepared.clear()
        sequence, seed = tuple(bucket.name for bucket in run.buckets), run.settings[SEED]
        info = RunInfo(run_dir=run.store.directory, sequence=sequence, settings=run.settings, seed=seed)
        run.hooks.on_run_end(info, run.store.progress.results, error)

    return _always(end, "the end of the run failed in a plugin")


@contextmanager
def _always(end: Callable[[BaseException | None], None], failed: str) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        try:
            end(error)
        except PluginError as second:
            log.warning(failed, reason=str(second))
        raise
    end(None)


class Interrupted(Exception):
    """Training was asked to stop, and stopped behind a checkpoint."""

    def __init__(self, run_dir: Path) -> None:
        super().__init__(printable(f"stopped; the run in {run_dir} can go on with --resume"))
        self.run_dir = run_dir


def info_of(run: Run, bucket: Bucket) -> BucketInfo:
    """The `BucketInfo` of `bucket` in the run as it stands now."""
    sequence = tuple(each.name for each in run.buckets)
    info = bucket_info(run.settings, bucket, sequence, run.store.directory)
    return evolve(info, results=run.store.progress.results, scratch_arm=bool(run.compared), prepared=run.prepared)


def bucket_info(settings: Mapping[str, Any], bucket: Bucket, sequence: tuple[str, ...], run_dir: Path) -> BucketInfo:
    """The `BucketInfo` of `bucket` in a run in which nothing is finished."""
    own = as_settings(settings).for_bucket(bucket.name)
    return BucketInfo(
        name=bucket.name,
        horizons=within_range(bucket.horizons, own[HORIZON_RANGE]),
        sequence=sequence,
        episodes=own[EPISODES] if trains(bucket) else 1,
        trains=trains(bucket),
        seed=bucket_seed(own[SEED], bucket.name),
        run_dir=run_dir,
        settings=own,
    )


def within_range(horizons: Iterable[int], asked: tuple[int, int] | None) -> tuple[int, ...]:
    """The horizons in bars inside the range that is `asked` for and its two ends, ascending; all of them without one."""
    if asked is None:
        return tuple(sorted(set(horizons)))
    low, high = asked
    return tuple(sorted({low, high, *(horizon for horizon in horizons if low < horizon < high)}))


def resources_of(run: Run, bucket: Bucket, info: BucketInfo) -> Resources:
    """The resources that the settings ask for, before any policy changes them; less where memory ran out before."""
    own = info.settings
    asked = Resources(device=run.device, parallel_episodes=own[PARALLEL_EPISODES], batch_size=own[BATCH_SIZE])
    asked = within(asked, run.store.progress.halved_to)
    smallest = evolve(asked, parallel_episodes=1, batch_size=1)
    needed, fixed = (bucket.memory_needed(info, each) for each in (asked, smallest))
    return evolve(asked, memory_needed=needed, memory_fixed=fixed)


def within(resources: Resources, sizes: Sizes | None) -> Resources:
    """The same resources, no larger than `sizes`; None: as they are."""
    if sizes is None:
        return resources
    episodes = min(resources.parallel_episodes, sizes.parallel_episodes)
    batch = min(resources.batch_size, sizes.batch_size)
    return evolve(resources, parallel_episodes=episodes, batch_size=batch)


def bucket_seed(seed: int, bucket: str) -> int:
    """A seed of its own for every bucket, whatever its place in the sequence."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{bucket}".encode()).digest()[:4], "big")
