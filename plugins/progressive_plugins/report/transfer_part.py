"""Who taught whom and what came of it: the ledger grouped by offers, and the measurements of what transfer was worth."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from progressive_plugins.report.report_files import readable
from progressive_plugins.report.report_records import Choice, Offer, ReasonCount, StrategyTry, TransferPart
from progressive_plugins.report.transfer_study import missing_study, read_study, scratch_arms
from progressive_training import BucketResult, LedgerEntry, RecordedRun
from progressive_training.presentation import percent

_WITH_NUMBER = re.compile(r"[,:;(](?=[^,:;(]*\d).*")
"""The first clause of a reason that names a number, and all behind it."""


def transfer_part(recorded: RecordedRun, results: Sequence[BucketResult]) -> TransferPart:
    """All that the run's ledger, its scratch arms and its transfer report have."""
    ledger = [entry for entry in recorded.ledger if entry.phase != "choice"]
    study = readable(lambda: read_study(recorded.directory, results), "transfer-report")
    scratch = scratch_arms(recorded.directory, results)
    return TransferPart(
        choices=tuple(
            Choice(bucket=entry.target, made=_tried(entry)) for entry in recorded.ledger if entry.phase == "choice"
        ),
        offers=tuple(_offers(ledger)),
        counts=dict(Counter(str(entry.verdict) for entry in ledger)),
        reasons=_reasons(ledger),
        worth=study.worth if study else None,
        matrix=study.matrix if study else None,
        scratch=scratch,
        missing=missing_study(recorded, has_study=study is not None, has_arms=scratch is not None),
    )


def _offers(ledger: Iterable[LedgerEntry]) -> Iterable[Offer]:
    """The entries of one source, target, phase and episode together, in the order of the ledger."""
    groups: dict[tuple[str, str, str, int], list[LedgerEntry]] = {}
    for entry in ledger:
        groups.setdefault((entry.source, entry.target, entry.phase, entry.episode), []).append(entry)
    for entries in groups.values():
        first, proof = entries[0], next((entry.proof for entry in entries if entry.proof), None)
        yield Offer(
            source=first.source,
            target=first.target,
            phase=first.phase,
            episode=first.episode,
            source_t=first.source_t,
            proof=None
            if proof is None
            else {
                "before": percent(proof.before),
                "after": percent(proof.after),
                "gain": percent(proof.after - proof.before),
                "error": percent(proof.error),
            },
            strategies=tuple(_tried(entry) for entry in entries),
        )


def _tried(entry: LedgerEntry) -> StrategyTry:
    before, after = entry.before, entry.after
    return StrategyTry(
        strategy=entry.strategy,
        verdict=entry.verdict,
        reason=entry.reason,
        before=None if before is None else percent(before),
        after=None if after is None else percent(after),
        gain=None if before is None or after is None else percent(after - before),
        error=None if after is None or entry.proof is None else percent(entry.proof.error),
    )


def _reasons(ledger: Iterable[LedgerEntry]) -> tuple[ReasonCount, ...]:
    """Why nothing was kept; reasons that differ in a number only are one."""
    refused = Counter(without_numbers(entry.reason) for entry in ledger if entry.verdict != "kept")
    return tuple(
        ReasonCount(reason=reason or "no reason given", count=count) for reason, count in refused.most_common()
    )


def without_numbers(reason: str) -> str:
    """A reason up to the clause that names a number."""
    return _WITH_NUMBER.sub("", reason).strip()
