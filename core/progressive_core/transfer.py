"""A transfer is a transaction: measure the target, let the strategy change it, measure again, keep or roll back."""

from __future__ import annotations

import math
from time import perf_counter

import structlog
from attrs import evolve

from progressive_core.bucket import Learner
from progressive_core.digest import digest
from progressive_core.errors import PluginError
from progressive_core.hooks import Hooks
from progressive_core.memory import read_memory
from progressive_core.proof import prove
from progressive_core.records import Knowledge, LedgerEntry, Phase, Resources, TransferContext

log = structlog.get_logger("progressive_training")


def transfer_knowledge(
    hooks: Hooks, learner: Learner, source: Knowledge, context: TransferContext, resources: Resources
) -> list[LedgerEntry]:
    """Offer `source` to `learner` through every strategy that wants this phase, in the configured order.

    First the source is tried in the learner's place (`proof`): strategies decide by that what may travel. Backward, the
    source was the target's pupil, and the target is a finished model that only what is strictly better may change.

    :return: one ledger entry a strategy. Whatever a strategy does, the learner ends as it was or better on its
        validation data. Distrusted knowledge reaches no strategy, and is not tried.
    """
    if reason := distrusted(source):
        return skipped(hooks, source, context, reason)
    asked = wanted(hooks, context.phase)
    if not asked:
        return []
    target, score = learner.knowledge(), None
    started = perf_counter()
    if context.phase != "reverse" and not memory_short(source.nbytes + target.nbytes, resources):
        score = learner.validate()
        context = evolve(context, proof=prove(learner, source, target, score))
    proof_seconds, told, known = perf_counter() - started, digest(source), digest(target)
    entries: list[LedgerEntry] = []
    for name in asked:
        met = known
        entry = _transact(hooks, name, learner, source, target, score, context, resources)
        if entry.verdict == "kept":
            target, score = learner.knowledge(), entry.after
            known = digest(target)
        elif entry.before is not None:
            score = entry.before
        entries.append(evolve(entry, source_digest=told, before_digest=met, after_digest=known))
    return [evolve(entries[0], proof_seconds=proof_seconds), *entries[1:]]


def wanted(hooks: Hooks, phase: Phase) -> list[str]:
    """The strategies that want to be asked in this phase, in order."""
    return [name for name in hooks.transfers if phase in hooks.phases(name)]


def skipped(hooks: Hooks, source: Knowledge, context: TransferContext, reason: str) -> list[LedgerEntry]:
    """What the ledger says of a target that no strategy could be tried on."""
    return [evolve(_entry(hooks, name, source, context), reason=reason) for name in wanted(hooks, context.phase)]


def distrusted(source: Knowledge) -> str:
    """Why nobody may learn from `source`, empty when all may."""
    return f"{source.origin} must not teach: {source.distrust}" if source.distrust else ""


def memory_short(needed: int, resources: Resources) -> str | None:
    """Why `needed` bytes do not fit under the limit that the policies set, or None when they do.

    What needs nothing always fits: when memory is short, this is how the lighter strategies still run.
    """
    if resources.memory_limit is None or needed == 0:
        return None
    used = read_memory(resources.device).used
    if used + needed <= resources.memory_limit:
        return None
    return (
        f"memory: needs {needed / 1e6:.1f} MB with {used / 1e6:.0f} MB in use, "
        f"over the limit of {resources.memory_limit / 1e6:.0f} MB (MEMORY_THRESHOLD)"
    )


def _transact(
    hooks: Hooks,
    name: str,
    learner: Learner,
    source: Knowledge,
    target: Knowledge,
    score: float | None,
    context: TransferContext,
    resources: Resources,
) -> LedgerEntry:
    """One strategy's try on a learner whose validation score is `score`, if it is known already."""
    started = perf_counter()
    entry = _entry(hooks, name, source, context)
    try:
        short = memory_short(hooks.memory_needed(name, context.bucket, source, target), resources)
        if short:
            return evolve(entry, reason=short)
        offered = hooks.transfer(name, source, target, context)
    except PluginError as error:
        log.warning("transfer failed, training goes on", strategy=name, reason=str(error))
        return evolve(entry, verdict="failed", reason=str(error), seconds=perf_counter() - started)
    if offered is None:
        return evolve(entry, reason="nothing to transfer", seconds=perf_counter() - started)
    entry = _adopt_or_roll_back(learner, offered, score, entry)
    return evolve(entry, nbytes=offered.nbytes, seconds=perf_counter() - started)


def _adopt_or_roll_back(learner: Learner, offered: Knowledge, score: float | None, entry: LedgerEntry) -> LedgerEntry:
    before = learner.validate() if score is None else score
    state = learner.snapshot()
    try:
        adoption = learner.adopt(offered)
        after = learner.validate()
    except Exception as error:  # a strategy may offer anything: the learner goes back to where it was
        learner.restore(state)
        log.warning("transfer failed, training goes on", strategy=entry.strategy, reason=repr(error), exc_info=True)
        return evolve(entry, verdict="failed", reason=repr(error), before=before)
    entry = evolve(
        entry, before=before, after=after, copied=adoption.copied, new=adoption.new, dropped=adoption.dropped
    )
    gained = after > before if entry.phase == "reverse" else after >= before
    if math.isfinite(after) and gained:
        return evolve(entry, verdict="kept", reason="helped" if after > before else "did no harm")
    learner.restore(state)
    return evolve(entry, verdict="rolled back", reason="hurt on validation" if after < before else "did not help")


def _entry(hooks: Hooks, strategy: str, source: Knowledge, context: TransferContext) -> LedgerEntry:
    return LedgerEntry(
        strategy=strategy,
        source=source.origin,
        source_version=source.version,
        target=context.bucket.name,
        phase=context.phase,
        episode=context.episode,
        verdict="skipped",
        reason="",
        alpha=hooks.alpha(strategy, context.bucket.settings),
        proof=context.proof,
    )
