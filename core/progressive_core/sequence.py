"""The order of a run: bucket after bucket, each from what the ones before it learned. Read it top to bottom."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import structlog
from attrs import evolve, frozen

from progressive_core.bucket import Bucket, Learner
from progressive_core.config import episodes_for, horizons_for
from progressive_core.errors import PluginError
from progressive_core.hooks import Hooks
from progressive_core.memory import read_memory
from progressive_core.records import (
    BucketInfo,
    BucketResult,
    EpisodeReport,
    Knowledge,
    LedgerEntry,
    Phase,
    Resources,
    TransferContext,
)
from progressive_core.store import RunStore
from progressive_core.transfer import distrusted, memory_short, skipped, transfer_knowledge, wanted

log = structlog.get_logger("progressive_training")

CHECKPOINT_SHARE = 0.005
"""Of a bucket's time, what checkpoints may take. On a disk that needs 20 ms a kill then costs 4 s of training, which are
made again to the same bits; after every episode, however short, they took 3 to 10 % of the time."""


@frozen(kw_only=True)
class Run:
    """One run: what to train, with which plugins, where to, and how to tell of it.

    `teachers` are what was learned outside this run and may be used at the start of every bucket; `interrupted` is
    asked after every episode.
    """

    buckets: Sequence[Bucket]
    settings: Mapping[str, Any]
    device: str
    hooks: Hooks
    store: RunStore
    teachers: Sequence[Knowledge]
    progress: Callable[[str], None]
    interrupted: Callable[[], bool]


class Interrupted(Exception):
    """Training was asked to stop, and did so behind a checkpoint."""

    def __init__(self, run_dir: Path) -> None:
        super().__init__(f"stopped; the run in {run_dir} can go on with --resume")
        self.run_dir = run_dir


def train_sequence(run: Run) -> dict[str, Path]:
    """Train every bucket that is not finished yet.

    :return: the path of each bucket's model, in the order of the sequence.
    :raise Interrupted: a stop was asked for; the run can be resumed.
    """
    finished = {result.bucket for result in run.store.progress.results}
    try:
        for bucket in run.buckets:
            if bucket.name not in finished:
                _stop_if_asked(run)
                _train_bucket(run, bucket)
    except BaseException as error:
        run.store.mark("interrupted")
        if not isinstance(error, Interrupted | KeyboardInterrupt):
            log.info("the run ended early", exc_info=True)
        raise
    run.store.mark("finished")
    return {result.bucket: run.store.model_path(result.bucket) for result in run.store.progress.results}


def _train_bucket(run: Run, bucket: Bucket) -> None:
    info = _info(run, bucket)
    with _always_clean_up(run, info):
        run.progress(f"{bucket.name}: starting, {info.episodes} episodes at most")
        resources = run.hooks.on_bucket_start(info, _resources(run, bucket, info))
        if run.store.is_untouched:
            for each in run.buckets:
                each.check(_info(run, each), resources)
        with closing(bucket.open(info, resources)) as learner:
            begun = perf_counter() - run.store.progress.seconds
            last, stopped = _train_episodes(run, info, resources, learner, begun)
            learner.keep_best()
            backward = _transfer_back(run, info, resources, learner, last.episode)
            evaluation = learner.evaluate()
            known = learner.knowledge()
            if known.distrust:
                log.warning(distrusted(known))
            path = run.store.save_model(bucket.name, learner.model(), known)
        result = BucketResult(
            bucket=bucket.name,
            episodes=last.episode,
            stopped=stopped,
            best_score=last.best_score,
            best_episode=last.best_episode,
            seconds=perf_counter() - begun,
            model_path=path,
            evaluation=evaluation,
            transfers=tuple(backward),
        )
        run.store.finish_bucket(result)
        run.progress(f"{bucket.name}: finished, {stopped}; best validation score {last.best_score:+.4f}; {path}")


def _train_episodes(
    run: Run, info: BucketInfo, resources: Resources, learner: Learner, begun: float
) -> tuple[EpisodeReport, str]:
    """Train until the planned number of episodes or a stop request; returns the last report and why it was the last.

    A checkpoint follows every episode, unless they have taken too much of the time; one that was asked for by an
    interrupt always does.
    """
    opened, spent = perf_counter(), 0.0
    transfers: list[LedgerEntry] = []
    state = run.store.checkpoint(info.name)
    if state is None:
        transfers += _transfer_in(run, info, resources, learner, "initial", 0)
        episode = 0
    else:
        learner.restore(state)
        episode = run.store.progress.episode
        log.info("resumed", bucket=info.name, episode=episode)
    while True:
        if episode and episode % info.settings["TRANSFER_COOLDOWN"] == 0:
            transfers += _transfer_in(run, info, resources, learner, "periodic", episode)
            transfers += _transfer_back(run, info, resources, learner, episode)
        started = perf_counter()
        report = evolve(
            learner.run_episode(),
            seconds=perf_counter() - started,
            memory_used=read_memory(resources.device).used,
            transfers=tuple(transfers),
        )
        transfers.clear()
        episode = report.episode
        run.store.record_episode(info.name, report)
        run.progress(
            f"{info.name}: episode {episode} of {info.episodes}, validation score {report.score:+.4f} "
            f"(best {report.best_score:+.4f} at {report.best_episode})"
        )
        stop = run.hooks.on_episode_end(info, report)
        if stop:
            request, plugin = stop
            return report, f"{plugin}: {request.reason}"
        if episode >= info.episodes:
            return report, "all episodes trained"
        interrupted = run.interrupted()
        started = perf_counter()
        if interrupted or spent <= CHECKPOINT_SHARE * (started - opened):
            run.store.save_checkpoint(
                info.name, episode, learner.snapshot(), started - begun, info.settings["KEEP_CHECKPOINTS"]
            )
            spent += perf_counter() - started
        if interrupted:
            raise Interrupted(run.store.directory)


def _transfer_in(
    run: Run, info: BucketInfo, resources: Resources, learner: Learner, phase: Phase, episode: int
) -> list[LedgerEntry]:
    """Offer this bucket what earlier buckets learned, the nearest in the sequence last."""
    if not info.settings["USE_CROSS_BUCKET_TRANSFER"]:
        return []
    context = TransferContext(phase=phase, episode=episode, bucket=info)
    teachers = [*run.teachers, *(run.store.knowledge(result.bucket) for result in info.results)]
    entries: list[LedgerEntry] = []
    for source in teachers:
        entries += transfer_knowledge(run.hooks, learner, source, context, resources)
    return _recorded(run, entries)


def _transfer_back(
    run: Run, info: BucketInfo, resources: Resources, learner: Learner, episode: int
) -> list[LedgerEntry]:
    """Offer every finished bucket what this one learned.

    What helps one becomes a new version of its model, measured anew: the result that stands is that of the version that
    stands.
    """
    settings, finished = info.settings, {result.bucket: result for result in info.results}
    enabled = settings["USE_CROSS_BUCKET_TRANSFER"] and settings["ENABLE_REVERSE_TRANSFER"]
    if not (enabled and finished and wanted(run.hooks, "reverse")):
        return []
    source = learner.knowledge()
    entries: list[LedgerEntry] = []
    for pupil in (bucket for bucket in run.buckets if bucket.name in finished):
        pupil_info = _info(run, pupil)
        context = TransferContext(phase="reverse", episode=episode, bucket=pupil_info)
        spared = distrusted(source) or memory_short(pupil.memory_needed(pupil_info, resources), resources)
        if spared:
            entries += skipped(run.hooks, source, context, spared)
            continue
        with closing(pupil.open(pupil_info, resources)) as earlier:
            earlier.load(run.store.model(pupil.name))
            made = transfer_knowledge(run.hooks, earlier, source, context, resources)
            if any(entry.verdict == "kept" for entry in made):
                run.store.save_model(pupil.name, earlier.model(), earlier.knowledge())
                run.store.replace_result(
                    evolve(finished[pupil.name], best_score=earlier.validate(), evaluation=earlier.evaluate())
                )
        entries += made
    return _recorded(run, entries)


def _recorded(run: Run, entries: list[LedgerEntry]) -> list[LedgerEntry]:
    for entry in entries:
        run.store.record_transfer(entry)
        run.progress(
            f"{entry.target}: {entry.strategy} from {entry.source} ({entry.phase}) {entry.verdict}, {entry.reason}"
        )
    return entries


@contextmanager
def _always_clean_up(run: Run, info: BucketInfo) -> Iterator[None]:
    """Call every plugin's cleanup, whatever happened; a failing cleanup never hides what ended the bucket."""
    try:
        yield
    except BaseException as error:
        try:
            run.hooks.cleanup(info, error)
        except PluginError as second:
            log.warning("cleanup failed", reason=str(second))
        raise
    run.hooks.cleanup(evolve(info, results=run.store.progress.results), None)


def _stop_if_asked(run: Run) -> None:
    if run.interrupted():
        raise Interrupted(run.store.directory)


def _info(run: Run, bucket: Bucket) -> BucketInfo:
    return BucketInfo(
        name=bucket.name,
        horizons=horizons_for(run.settings, bucket.horizons),
        sequence=tuple(each.name for each in run.buckets),
        episodes=episodes_for(run.settings, bucket.name),
        seed=bucket_seed(run.settings["SEED"], bucket.name),
        run_dir=run.store.directory,
        settings=run.settings,
        results=run.store.progress.results,
    )


def _resources(run: Run, bucket: Bucket, info: BucketInfo) -> Resources:
    """All that the settings ask for, before any policy has had its say."""
    asked = Resources(
        device=run.device,
        parallel_episodes=run.settings["PARALLEL_EPISODES"],
        batch_size=run.settings["BATCH_SIZE"],
    )
    smallest = evolve(asked, parallel_episodes=1, batch_size=1)
    return evolve(
        asked,
        memory_needed=bucket.memory_needed(info, asked),
        memory_fixed=bucket.memory_needed(info, smallest),
    )


def bucket_seed(seed: int, bucket: str) -> int:
    """A seed of its own for every bucket, whatever its place in the sequence."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{bucket}".encode()).digest()[:4], "big")
