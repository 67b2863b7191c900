"""Who teaches whom, and when: earlier buckets teach the one in training, which then teaches the finished ones."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from functools import partial
from itertools import chain, groupby
from time import perf_counter

from attrs import evolve

from progressive_core.contract.core_settings import ENABLE_REVERSE_TRANSFER, USE_CROSS_BUCKET_TRANSFER
from progressive_core.contract.protocols import Bucket, trains
from progressive_core.contract.records import Knowledge, LedgerEntry, Model, Phase, Resources, TransferContext
from progressive_core.engine.out_of_memory import Shortage, attempt
from progressive_core.engine.run import Run, Training, info_of
from progressive_core.engine.transfer import distrusted, memory_short, skipped, transfer_knowledge, wanted


def transfer_in(training: Training, phase: Phase, episode: int) -> list[LedgerEntry]:
    """Offer the bucket in training what models of other runs and earlier buckets learned, the nearest in the sequence last.

    :return: the ledger entries, which are recorded.
    """
    run, info = training.run, training.info
    enabled = info.trains and info.settings[USE_CROSS_BUCKET_TRANSFER]
    silent = {bucket.name for bucket in run.buckets if not trains(bucket)}
    outside = (source for source in run.teachers if source.pupil in (None, info.name))
    known = map(run.store.knowledge, (each.bucket for each in info.results if each.bucket not in silent))
    return offer(training, chain(outside, known) if enabled else (), phase, episode)


def offer(training: Training, sources: Iterable[Knowledge], phase: Phase, episode: int) -> list[LedgerEntry]:
    """Offer a bucket each of the `sources` in turn; the ledger entries, which are recorded."""
    run = training.run
    context = TransferContext(phase=phase, episode=episode, bucket=training.info)
    entries: list[LedgerEntry] = []
    started = perf_counter()
    for source in sources:
        made = transfer_knowledge(run.hooks, run.machine, training.learner, source, context, training.resources)
        entries += _timed(made, started)
        started = perf_counter()
    return recorded(run, entries)


def teaches_back(training: Training) -> bool:
    """Whether a bucket that ends is to teach the finished ones."""
    settings = training.info.settings
    enabled = training.info.trains and settings[USE_CROSS_BUCKET_TRANSFER] and settings[ENABLE_REVERSE_TRANSFER]
    return enabled and bool(wanted(training.run.hooks, "reverse"))


def transfer_back(training: Training, episode: int) -> list[LedgerEntry]:
    """Offer every finished bucket, once, what the one that ends learned.

    Where it helped, the finished bucket gets a new version of its model, and the score of that version. One on which the verdict
    is made keeps its model: its test part has been read.

    :return: the ledger entries, which are recorded.
    """
    run, info, resources = training.run, training.info, training.resources
    finished = {result.bucket: result for result in info.results}
    if not (finished and teaches_back(training)):
        return []
    # a bucket that ends needs its knowledge anyway: that is no part of what teaching costs
    source, started = training.learner.knowledge(), perf_counter()
    entries: list[LedgerEntry] = []
    for pupil in (bucket for bucket in run.buckets if bucket.name in finished and trains(bucket)):
        pupil_info = info_of(run, pupil)
        context = TransferContext(phase="reverse", episode=episode, bucket=pupil_info)
        needed = pupil.memory_needed(pupil_info, resources)
        judged = "the verdict on its model is made" if (own := finished[pupil.name].evaluation) and own.test else ""
        if reason := judged or distrusted(source) or memory_short(run.machine, needed, resources):
            entries += skipped(run.hooks, source, context, reason)
            continue
        taught = attempt(run.machine, partial(_teach, run, pupil, source, context, resources))
        if isinstance(taught, Shortage):
            made = skipped(run.hooks, source, context, taught.reason, "failed")
        else:
            made, learned = taught
            if learned:
                model, knowledge, score = learned
                run.store.save_model(pupil.name, model, knowledge)
                run.store.replace_result(evolve(finished[pupil.name], best_score=score))
        entries += _timed(made, started)
        started = perf_counter()
    return recorded(run, entries)


def _teach(
    run: Run, pupil: Bucket, source: Knowledge, context: TransferContext, resources: Resources
) -> tuple[list[LedgerEntry], tuple[Model, Knowledge, float] | None]:
    """Open a finished bucket and offer it `source`: the ledger entries, and what is to be saved if it learned something."""
    with closing(pupil.open(context.bucket, resources)) as learner:
        learner.load(run.store.model(pupil.name))
        made = transfer_knowledge(run.hooks, run.machine, learner, source, context, resources)
        if not any(entry.verdict == "kept" for entry in made):
            return made, None
        learner.policy()  # what was adopted is now a choice that validation could decide, also to the t that is saved
        return made, (learner.model(), learner.knowledge(), learner.validate())


def _timed(entries: list[LedgerEntry], started: float) -> list[LedgerEntry]:
    """The same entries; time since `started` that no entry accounts for is booked as the first one's `shared_seconds`."""
    if not entries:
        return entries
    counted = sum(entry.seconds + entry.proof_seconds for entry in entries)
    return [evolve(entries[0], shared_seconds=perf_counter() - started - counted), *entries[1:]]


def recorded(run: Run, entries: list[LedgerEntry]) -> list[LedgerEntry]:
    """Record ledger entries, and show them, a line for each source and result."""
    for entry in entries:
        run.store.record_transfer(entry)
    for same, made in groupby(entries, key=lambda entry: (entry.source, entry.target, entry.verdict, entry.reason)):
        strategies, (source, target, verdict, reason) = ", ".join(entry.strategy for entry in made), same
        origin = "" if source == target else f" from {source}"  # a choice between strategies of its own
        run.progress(f"{target}: {strategies}{origin} ({entries[0].phase}) {verdict}, {reason}")
    return entries
