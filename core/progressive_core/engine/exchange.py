"""Who teaches whom, and when: earlier buckets the one in training, and that one the finished ones."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import closing
from functools import partial
from time import perf_counter

from attrs import evolve, frozen

from progressive_core.contract.protocols import Bucket, Learner
from progressive_core.contract.records import (
    BucketInfo,
    Evaluation,
    Knowledge,
    LedgerEntry,
    Model,
    Phase,
    Resources,
    TransferContext,
)
from progressive_core.engine.out_of_memory import Shortage, attempt
from progressive_core.engine.run import Run, info_of
from progressive_core.engine.transfer import distrusted, memory_short, skipped, transfer_knowledge, wanted


def transfer_in(
    run: Run, info: BucketInfo, resources: Resources, learner: Learner, phase: Phase, episode: int
) -> list[LedgerEntry]:
    """Offer this bucket what earlier buckets learned, the nearest in the sequence last. Returns the ledger entries."""
    if not info.settings["USE_CROSS_BUCKET_TRANSFER"]:
        return []
    context = TransferContext(phase=phase, episode=episode, bucket=info)
    entries: list[LedgerEntry] = []
    started = perf_counter()
    for source in [*run.teachers, *(run.store.knowledge(result.bucket) for result in info.results)]:
        made = transfer_knowledge(run.hooks, run.machine, learner, source, context, resources)
        entries += _timed(made, started)
        started = perf_counter()
    return _recorded(run, entries)


def transfer_back(
    run: Run,
    info: BucketInfo,
    resources: Resources,
    learner: Learner,
    episode: int,
    hurt: Collection[str] = (),
) -> list[LedgerEntry]:
    """Offer every finished bucket what this one learned, but those whose last offer `hurt` them (see `hurt_by`).

    Where it helped, the finished bucket gets a new version of its model, and the result of that version.
    """
    settings, finished = info.settings, {result.bucket: result for result in info.results}
    enabled = settings["USE_CROSS_BUCKET_TRANSFER"] and settings["ENABLE_REVERSE_TRANSFER"]
    if not (enabled and finished and wanted(run.hooks, "reverse")):
        return []
    started = perf_counter()
    source = learner.knowledge()
    entries: list[LedgerEntry] = []
    for pupil in (bucket for bucket in run.buckets if bucket.name in finished):
        pupil_info = info_of(run, pupil)
        context = TransferContext(phase="reverse", episode=episode, bucket=pupil_info)
        postponed = f"it hurt the last time, and is offered again when {info.name} is finished"
        reason = (
            distrusted(source)
            or (postponed if pupil.name in hurt else "")
            or memory_short(run.machine, pupil.memory_needed(pupil_info, resources), resources)
        )
        if reason:
            entries += skipped(run.hooks, source, context, reason)
            continue
        taught = attempt(run.machine, partial(_teach, run, pupil, source, context, resources))
        if isinstance(taught, Shortage):
            entries += _timed(skipped(run.hooks, source, context, taught.reason, "failed"), started)
            started = perf_counter()
            continue
        made, learned = taught
        if learned:
            run.store.save_model(pupil.name, learned.model, learned.knowledge)
            run.store.replace_result(
                evolve(finished[pupil.name], best_score=learned.score, evaluation=learned.evaluation)
            )
        entries += _timed(made, started)
        started = perf_counter()
    return _recorded(run, entries)


def hurt_by(run: Run, source: str) -> set[str]:
    """The finished buckets for which the last of what the bucket `source` offered was rolled back.

    To open one takes as long as some episodes, and what hurts once in a training mostly does again: of 14 offers in a
    default run 11 were rolled back (seen by us).
    """
    hurt: set[str] = set()
    for line in run.store.ledger():
        if line.source == source and line.phase == "reverse":
            if line.verdict == "rolled back":
                hurt.add(line.target)
            elif line.verdict == "kept":
                hurt.discard(line.target)
    return hurt


@frozen(kw_only=True)
class _Learned:
    """What is saved of a finished bucket that learned something."""

    model: Model
    knowledge: Knowledge
    score: float
    evaluation: Evaluation


def _teach(
    run: Run, pupil: Bucket, source: Knowledge, context: TransferContext, resources: Resources
) -> tuple[list[LedgerEntry], _Learned | None]:
    """Open a finished bucket and offer it `source`; nothing is saved yet."""
    with closing(pupil.open(context.bucket, resources)) as earlier:
        earlier.load(run.store.model(pupil.name))
        made = transfer_knowledge(run.hooks, run.machine, earlier, source, context, resources)
        if not any(entry.verdict == "kept" for entry in made):
            return made, None
        return made, _Learned(
            model=earlier.model(),
            knowledge=earlier.knowledge(),
            score=earlier.validate(),
            evaluation=earlier.evaluate(),
        )


def _timed(entries: list[LedgerEntry], started: float) -> list[LedgerEntry]:
    """The same entries; the time since `started` that none of them counts is the first one's `shared_seconds`."""
    if not entries:
        return entries
    counted = sum(entry.seconds + entry.proof_seconds for entry in entries)
    return [evolve(entries[0], shared_seconds=perf_counter() - started - counted), *entries[1:]]


def _recorded(run: Run, entries: list[LedgerEntry]) -> list[LedgerEntry]:
    for entry in entries:
        run.store.record_transfer(entry)
        run.progress(
            f"{entry.target}: {entry.strategy} from {entry.source} ({entry.phase}) {entry.verdict}, {entry.reason}"
        )
    return entries
