"""A transfer is a transaction: measure the target, let a strategy change it, measure again; keep the change or roll it back."""

from __future__ import annotations

import math
from functools import partial
from time import perf_counter

import structlog
from attrs import evolve, frozen

from progressive_core.contract.errors import PluginError
from progressive_core.contract.machine import Machine
from progressive_core.contract.protocols import Learner
from progressive_core.contract.records import (
    Adoption,
    Knowledge,
    LedgerEntry,
    Phase,
    Proof,
    Resources,
    Skip,
    State,
    TransferContext,
    Verdict,
)
from progressive_core.engine.digest import digest
from progressive_core.engine.gain import paired_t
from progressive_core.engine.out_of_memory import Shortage, attempt
from progressive_core.engine.proof import prove, unprovable
from progressive_core.plugins.copies import device_of, own_knowledge
from progressive_core.plugins.hooks import Hooks

log = structlog.get_logger("progressive_training")

FORCED = "warm-start"
"""What stands in the ledger in place of a strategy where none is asked."""
PAIRED_T = 2.0
"""t of the gain, block by block, for which a change amid training is kept. Seen by us: those kept for any gain brought 0.29 on
validation and lost 0.14 on test."""


def transfer_knowledge(
    hooks: Hooks, machine: Machine, learner: Learner, source: Knowledge, context: TransferContext, resources: Resources
) -> list[LedgerEntry]:
    """Offer `source` to `learner` through every strategy that wants this phase, in the configured order.

    First the source is tried in the learner's place (`proof`); strategies decide by it what they pass on. Before training, a
    change is kept where it does no harm; amid training only for a gain beyond noise; backward, of a finished model, for any gain.

    :return: one ledger entry a strategy. Whatever a strategy does, the learner ends as it was or better on its
        validation data. Knowledge that is distrusted, or cannot be tried on bars that it has not seen, reaches no strategy,
        and no more does what is forced.
    """
    if source.forced:
        return [_copy(hooks, machine, learner, source, context)] if context.phase == "initial" else []
    if reason := distrusted(source) or unprovable(learner, source):
        return skipped(hooks, source, context, reason)
    asked = wanted(hooks, context.phase)
    if not asked:
        return []
    measured = attempt(machine, partial(_measure, machine, learner, source, context.phase, resources))
    if isinstance(measured, Shortage):
        return skipped(hooks, source, context, measured.reason, "failed")
    target, score, known = measured.target, measured.score, measured.target_digest
    context = evolve(context, proof=measured.proof)
    entries: list[LedgerEntry] = []
    for name in asked:
        before_digest, started = known, perf_counter()
        entry = _transact(hooks, machine, name, learner, source, target, score, context, resources)
        entry = evolve(entry, seconds=perf_counter() - started, source_digest=measured.source_digest)
        if entry.verdict == "kept":
            target, score = learner.knowledge(), entry.after
            known = digest(target)
        elif entry.before is not None:
            score = entry.before
        entries.append(evolve(entry, before_digest=before_digest, after_digest=known))
    return [evolve(entries[0], proof_seconds=measured.seconds), *entries[1:]]


def _copy(hooks: Hooks, machine: Machine, learner: Learner, source: Knowledge, context: TransferContext) -> LedgerEntry:
    """Copy every fitting weight of `source` into `learner`, whatever becomes of its score."""
    target, before = learner.knowledge(), learner.validate()
    entry = evolve(_entry(hooks, FORCED, source, context), before=before, nbytes=source.nbytes)
    offered = Knowledge(origin=target.origin, weights=own_knowledge(source, device_of(target)).weights)
    return _adopt_or_roll_back(machine, learner, offered, before, learner.snapshot(), entry)


def wanted(hooks: Hooks, phase: Phase) -> list[str]:
    """The strategies that want to be asked in this phase, in order."""
    return [name for name in hooks.transfers if phase in hooks.phases(name)]


def skipped(
    hooks: Hooks, source: Knowledge, context: TransferContext, reason: str, verdict: Verdict = "skipped"
) -> list[LedgerEntry]:
    """The ledger entries of a target that no strategy could be tried on."""
    asked = wanted(hooks, context.phase)
    return [evolve(_entry(hooks, name, source, context), verdict=verdict, reason=reason) for name in asked]


def distrusted(source: Knowledge) -> str:
    """Why no bucket may learn from `source`; empty when all may."""
    return f"{source.origin} must not teach: {source.distrust}" if source.distrust else ""


def memory_short(machine: Machine, needed: int, resources: Resources) -> str | None:
    """Why `needed` bytes do not fit under the limit that the policies set, or None when they do.

    What needs nothing always fits: when memory is short, this is how the lighter strategies still run.
    """
    if resources.memory_limit is None or needed == 0:
        return None
    used = machine.memory_used(resources.device)
    if used + needed <= resources.memory_limit:
        return None
    limit = f"over the limit of {resources.memory_limit / 1e6:.0f} MB (MEMORY_THRESHOLD)"
    return f"memory: needs {needed / 1e6:.1f} MB with {used / 1e6:.0f} MB in use, {limit}"


@frozen
class _Measured:
    """The target before any strategy is asked: its knowledge, and, where memory and phase allow them, its validation score
    and the source's proof; the digests of both; and the seconds that this took."""

    target: Knowledge
    score: float | None
    proof: Proof | None
    source_digest: str
    target_digest: str
    seconds: float


def _measure(machine: Machine, learner: Learner, source: Knowledge, phase: Phase, resources: Resources) -> _Measured:
    """Measure the target, which is left as it was.

    :raise Exception: memory ran out.
    """
    target, source_digest = learner.knowledge(), digest(source)
    started = perf_counter()
    short = memory_short(machine, source.nbytes + target.nbytes, resources)
    score = None if phase == "reverse" or short else learner.validate()
    proof = None if score is None else prove(machine, learner, source, target, score)
    seconds = perf_counter() - started
    return _Measured(target, score, proof, source_digest, digest(target), seconds)


def _transact(
    hooks: Hooks,
    machine: Machine,
    name: str,
    learner: Learner,
    source: Knowledge,
    target: Knowledge,
    score: float | None,
    context: TransferContext,
    resources: Resources,
) -> LedgerEntry:
    """Ask one strategy, and keep or undo what it changes. `score` is the learner's validation score, if known already."""
    entry = _entry(hooks, name, source, context)

    def prepare() -> tuple[Knowledge, float, State] | str:
        """The strategy's offer, and the score and state of the learner before it; or the reason why there is none."""
        short = memory_short(machine, hooks.memory_needed(name, context.bucket, source, target), resources)
        offered = Skip(short) if short else hooks.transfer(name, source, target, context)
        if isinstance(offered, Skip):
            return offered.reason
        return offered, learner.validate() if score is None else score, learner.snapshot()

    try:
        prepared = attempt(machine, prepare)
    except PluginError as error:
        return _failed(entry, str(error))
    if isinstance(prepared, Shortage):
        return _failed(entry, prepared.reason)
    if isinstance(prepared, str):
        return evolve(entry, reason=prepared)
    offered, before, state = prepared
    entry = evolve(entry, nbytes=offered.nbytes, before=before)
    return _adopt_or_roll_back(machine, learner, offered, before, state, entry)


def _failed(entry: LedgerEntry, reason: str, *, exc_info: bool = False) -> LedgerEntry:
    """Log that a strategy failed, and return its ledger entry."""
    log.warning("transfer failed, training goes on", strategy=entry.strategy, reason=reason, exc_info=exc_info)
    return evolve(entry, verdict="failed", reason=reason)


def _adopt_or_roll_back(
    machine: Machine, learner: Learner, offered: Knowledge, before: float, state: State, entry: LedgerEntry
) -> LedgerEntry:
    """Adopt what was offered, measure the learner, and put it back where that failed or did not help."""

    def blocks() -> tuple[float, ...]:
        return learner.validation_blocks() if entry.phase == "periodic" else ()

    tried: tuple[tuple[float, ...], Adoption, float, tuple[float, ...]] | Shortage | None = None
    failed = entry
    try:
        tried = attempt(machine, lambda: (blocks(), learner.adopt(offered), learner.validate(), blocks()))
    except Exception as error:  # noqa: BLE001  (a strategy may offer anything: the learner goes back to where it was)
        failed = _failed(entry, repr(error), exc_info=True)
    if isinstance(tried, Shortage):
        failed = _failed(entry, tried.reason)
    if not isinstance(tried, tuple):
        learner.restore(state)  # here, where no failed frame holds the memory that it takes
        return failed
    before_by_block, adoption, after, after_by_block = tried
    entry = evolve(entry, after=after, copied=adoption.copied, new=adoption.new, dropped=adoption.dropped)
    gain = after - before if math.isfinite(after) else -math.inf
    kept, reason = _judged(gain, paired_t(before_by_block, after_by_block, before), entry.phase)
    if entry.strategy == FORCED:
        kept, reason = True, "forced, without proof"
    if not kept:
        learner.restore(state)
    return evolve(entry, verdict="kept" if kept else "rolled back", reason=reason)


def _judged(gain: float, t: float, phase: str) -> tuple[bool, str]:
    """Whether a change is kept, and why."""
    if gain > 0 and phase == "periodic":
        return (True, f"helped, t {t:.1f}") if t >= PAIRED_T else (False, f"did not help beyond noise, t {t:.1f}")
    if gain > 0:
        return True, "helped"
    if gain == 0:
        return (True, "did no harm") if phase == "initial" else (False, "did not help")
    return False, "hurt on validation"


def _entry(hooks: Hooks, strategy: str, source: Knowledge, context: TransferContext) -> LedgerEntry:
    return LedgerEntry(
        strategy=strategy,
        source=source.origin,
        source_version=source.version,
        source_t=source.t,
        target=context.bucket.name,
        phase=context.phase,
        episode=context.episode,
        verdict="skipped",
        reason="",
        alpha=hooks.alpha(strategy, context.bucket.settings) if strategy in hooks.transfers else None,
        proof=context.proof,
    )
