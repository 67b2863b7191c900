"""The order of a run: bucket after bucket, each from what the ones before it learned. Read it top to bottom."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from time import perf_counter

import structlog
from attrs import evolve

from progressive_core.contract.core_settings import KEEP_CHECKPOINTS, TRANSFER_COOLDOWN
from progressive_core.contract.evaluation import Evaluation
from progressive_core.contract.profit import profit_text
from progressive_core.contract.protocols import Bucket
from progressive_core.contract.records import BucketInfo, BucketResult, EpisodeReport, LedgerEntry, Resources
from progressive_core.contract.store import EpisodeLine
from progressive_core.engine.exchange import recorded, teaches_back, transfer_back, transfer_in
from progressive_core.engine.run import Interrupted, Run, Training, always_clean_up, info_of, resources_of, within
from progressive_core.engine.transfer import distrusted

log = structlog.get_logger("progressive_training")

CHECKPOINT_SHARE = 0.005
"""The share of a bucket's time that checkpoints may take. On a disk that needs 20 ms for one, a kill then costs 4 s of
training, which a resume repeats to the same bits; a checkpoint after every episode took 3 to 10 % of the time."""

ALL_TRAINED = "all episodes trained"
End = Callable[[Training, int], tuple[list[LedgerEntry], Evaluation | None]]
"""What is done with a bucket at the end of its last episode: the transfers that it made, and the verdict on it."""


def train_sequence(run: Run, train: Callable[[Run, Bucket], None]) -> dict[str, Path]:
    """Train every bucket that is not finished yet, and make the verdicts that are not made yet.

    :param train: trains or judges one bucket by `try_bucket`, in this process or in another one; or the stage that it is in.
    :return: the path of each bucket's model, in the order of the sequence.
    :raise Interrupted: a stop was asked for; the run can be resumed.
    """
    if run.store.repaired:
        log.info(run.store.repaired)  # shown when the run was opened, before it had its log
        run.progress(run.store.repaired)
    for bucket in run.buckets:
        if bucket.name not in {result.bucket for result in run.store.progress.results}:
            if run.interrupted():
                raise Interrupted(run.store.directory)
            train(run, bucket)
    for bucket in run.buckets:
        if bucket.name in _unjudged(run):  # those that are left when no bucket had to be trained any more
            train(run, bucket)
    return {result.bucket: run.store.model_path(result.bucket) for result in run.store.progress.results}


def try_bucket(run: Run, bucket: Bucket, end: End) -> tuple[Resources, str] | None:
    """Train one bucket, or judge a finished one. Where memory runs out in training: the resources that it had, and the
    allocator's message; else None.

    :param end: `teach_and_judge`; of a member of a stage, which does so when it becomes part of the run, nothing.
    """
    info = info_of(run, bucket)
    resources = resources_of(run, bucket, info)
    if bucket.name in _unjudged(run):
        judge(run, resources)
        return None
    try:
        with always_clean_up(run, info):
            log.info(
                "bucket begins", bucket=info.name, episodes=info.episodes, horizons=info.horizons, arm=info.scratch_arm
            )
            run.progress(f"{bucket.name}: starting, {info.episodes} episodes at most")
            resources = within(run.hooks.on_bucket_start(info, resources), run.store.progress.halved_to)
            if run.store.progress.is_untouched and not run.compared:
                for each in run.buckets:
                    each.check(info_of(run, each), resources)
            _train_to_the_end(run, bucket, info, resources, end)
            if bucket.name == info.sequence[-1] and bucket.name not in _unjudged(run):
                judge(run, resources)
    except Exception as error:
        if bucket.name in {each.bucket for each in run.store.progress.results} or not run.machine.is_shortage(error):
            raise
        log.info("memory ran out", bucket=bucket.name, exc_info=True)
        return resources, run.machine.describe_shortage(error)
    return None


def _train_to_the_end(run: Run, bucket: Bucket, info: BucketInfo, resources: Resources, end: End) -> None:
    """Train all episodes, do what is to be done at their end, and commit model and result."""
    with closing(bucket.open(info, resources)) as learner:
        begun = perf_counter() - run.store.progress.seconds
        training = Training(run=run, info=info, resources=resources, learner=learner)
        last, stopped = _train_episodes(training, begun)
        chosen = recorded(run, list(learner.keep_best() or ()))
        transfers, evaluation = end(training, last.episode)
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
        transfers=(*chosen, *transfers),
        halved_to=run.store.progress.halved_to,
    )
    run.store.finish_bucket(result)
    run.progress(f"{bucket.name}: finished, {stopped}; best score {profit_text(last.best_score)}; {path}")


def teach_and_judge(training: Training, episode: int) -> tuple[list[LedgerEntry], Evaluation | None]:
    """Teach the finished buckets, and judge where no later bucket teaches this one."""
    backward, info, learner = transfer_back(training, episode), training.info, training.learner
    is_final = info.name == info.sequence[-1] or not teaches_back(training)
    return backward, learner.evaluator.evaluate(learner.policy()) if is_final else None


def _unjudged(run: Run) -> dict[str, BucketResult]:
    """The results without a verdict, by bucket."""
    return {result.bucket: result for result in run.store.progress.results if result.evaluation is None}


def judge(run: Run, resources: Resources) -> None:
    """Make the verdicts that had to wait until no transfer could change a model any more, one bucket open at a time.

    Each is committed by itself: a run that is killed here goes on with the next one.
    """
    waiting, least = _unjudged(run), evolve(resources, parallel_episodes=1, batch_size=1)
    for bucket in (each for each in run.buckets if each.name in waiting):
        with closing(bucket.open(info_of(run, bucket), least)) as learner:
            learner.load(run.store.model(bucket.name))
            evaluation = learner.evaluator.evaluate(learner.policy())
            run.store.save_model(bucket.name, learner.model(), run.store.knowledge(bucket.name))
        run.machine.release_memory()
        run.store.finish_bucket(evolve(waiting[bucket.name], evaluation=evaluation))
        run.progress(f"{bucket.name}: verdict: {evaluation.verdict}")


def _train_episodes(training: Training, begun: float) -> tuple[EpisodeReport | EpisodeLine, str]:
    """Train until the planned number of episodes or a stop request; returns the last episode and why it was the last.

    A checkpoint follows every episode, unless checkpoints have taken their share of the time; before an interrupt always.
    """
    run, info, learner = training.run, training.info, training.learner
    opened, checkpointing = perf_counter(), 0.0
    transfers: list[LedgerEntry] = []
    start_score: float | None = None
    state = run.store.checkpoint(info.name)
    if state is None:
        transfers += transfer_in(training, "initial", 0)
        episode, best_episode, start_score = 0, 0, learner.validate()
    else:
        learner.restore(state)
        last = run.store.last_episode(info.name)
        episode, best_episode = last.episode, last.best_episode
        log.info("resumed", bucket=info.name, episode=episode)
        if episode >= info.episodes:  # fewer are asked for than when it was begun
            return last, ALL_TRAINED
    while True:
        if episode and episode % info.settings[TRANSFER_COOLDOWN] == 0:
            transfers += transfer_in(training, "periodic", episode)
        report = _run_episode(training, tuple(transfers), start_score)
        transfers, start_score = [], None
        episode, best_episode = report.episode, report.best_episode
        stop = run.hooks.on_episode_end(info, report)
        if stop and episode >= run.compared.get(info.name, 0):
            request, plugin = stop
            return report, f"{plugin}: {request.reason}"
        if episode >= info.episodes:
            return report, ALL_TRAINED
        interrupted, started = run.interrupted(), perf_counter()
        if interrupted or checkpointing <= CHECKPOINT_SHARE * (started - opened):
            state, keep = learner.snapshot(), info.settings[KEEP_CHECKPOINTS]
            run.store.save_checkpoint(info.name, episode, state, started - begun, keep=keep, best=best_episode)
            checkpointing += perf_counter() - started
        if interrupted:
            raise Interrupted(run.store.directory)


def _run_episode(training: Training, transfers: tuple[LedgerEntry, ...], start_score: float | None) -> EpisodeReport:
    """Train one episode, record it, and return its report with `transfers`, those made since the one before."""
    run, info = training.run, training.info
    started = perf_counter()
    report = evolve(
        training.learner.run_episode(),
        seconds=perf_counter() - started,
        memory_used=run.machine.memory_used(training.resources.device),
        transfers=transfers,
        start_score=start_score,
        bucket=info.name,
    )
    run.store.record_episode(info.name, report)
    scores = f"score {profit_text(report.score)} (best {profit_text(report.best_score)} at {report.best_episode})"
    run.progress(f"{info.name}: episode {report.episode} of {info.episodes}, {scores}")
    return report
