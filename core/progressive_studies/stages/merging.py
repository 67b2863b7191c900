"""The end of a stage: its members become part of the run in the order in which they are written, and teach one another."""

from __future__ import annotations

from contextlib import closing
from time import perf_counter

from attrs import evolve

from progressive_app.config.app_settings import SEQUENCE
from progressive_app.config.stages import stages_of
from progressive_app.resume.members import member_directory
from progressive_app.store.checkpoints import Checkpoints
from progressive_app.store.environments import Environments
from progressive_app.store.models import read_knowledge, read_model
from progressive_app.store.progress import read_progress
from progressive_app.store.run_store import on_disk
from progressive_core.contract.protocols import Bucket
from progressive_core.contract.records import LedgerEntry
from progressive_core.engine.exchange import offer, teaches_back
from progressive_core.engine.run import Run, Training, always_clean_up, info_of, resources_of
from progressive_core.engine.sequence import judge, teach_and_judge


def stage_with(run: Run, bucket: str) -> tuple[str, ...]:
    """The stage of the run's sequence that a bucket is in: it alone, or the members of the stage."""
    return next(stage for stage in stages_of(run.settings[SEQUENCE]) if bucket in stage)


def merge_member(run: Run, bucket: Bucket) -> None:
    """Commit a trained member of a stage, its episodes and transfers to the run, in one step.

    Those of the stage that are part of the run already teach it before, then it teaches the finished buckets, as at the end of a
    bucket that trained alone. The model that its own training left is version 1.
    """
    store, started = on_disk(run.store), perf_counter()
    own = member_directory(store.directory, bucket.name)
    progress = read_progress(own)
    Checkpoints(own).remove_later_than(progress)  # its own process may have been cut short before
    trained = next(result for result in progress.results if result.bucket == bucket.name)
    model, info = read_model(own, bucket.name), info_of(run, bucket)
    with always_clean_up(run, info):
        asked = resources_of(run, bucket, info)
        least = evolve(asked, parallel_episodes=1, batch_size=1, memory_needed=asked.memory_fixed)
        resources = run.hooks.on_bucket_start(info, least)
        store.append_lines(own)
        path = store.save_model(bucket.name, model, read_knowledge(own, bucket.name))
        with closing(bucket.open(info, resources)) as learner:
            learner.load(model)
            training = Training(run=run, info=info, resources=resources, learner=learner)
            met = _meet(training, trained.episodes)
            if learned := any(entry.verdict == "kept" for entry in met):
                learner.policy()  # what was adopted is now a choice that validation could decide
                trained = evolve(trained, best_score=learner.validate())
            taught, evaluation = teach_and_judge(training, trained.episodes)
            if learned or evaluation is not None:
                store.save_model(bucket.name, learner.model(), learner.knowledge())
        spent = perf_counter() - started
        merged = evolve(
            trained,
            seconds=trained.seconds + spent,
            exchange_seconds=spent,
            model_path=path,
            evaluation=evaluation,
            transfers=(*trained.transfers, *met, *taught),
        )
        Environments(store.directory).take(own, store.progress)
        store.finish_bucket(merged)
        run.progress(f"{bucket.name}: part of the run; {path}")
        if bucket.name == info.sequence[-1]:
            judge(run, resources)


def _meet(training: Training, episode: int) -> list[LedgerEntry]:
    """Offer a member what those of its stage learned that are part of the run already; the ledger entries, which are recorded."""
    if not teaches_back(training):
        return []
    run, name = training.run, training.info.name
    mates = [result.bucket for result in training.info.results if result.bucket in stage_with(run, name)]
    return offer(training, map(run.store.knowledge, mates), "reverse", episode)
