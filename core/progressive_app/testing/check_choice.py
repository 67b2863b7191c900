"""The check for what a learner keeps at its end, and for the choices that it says it made."""

from __future__ import annotations

from collections.abc import Sequence

from progressive_app.testing.scene import require
from progressive_core.contract.protocols import Learner
from progressive_core.contract.records import LedgerEntry
from progressive_core.plugins.blame import safe_repr


def check_keep_best(owner: str, bucket: str, learner: Learner, best_score: float) -> None:
    """Return the learner to its best, which must reach `best_score`, and examine the entries that it gives."""
    chosen = learner.keep_best()
    known = chosen is None or (isinstance(chosen, Sequence) and all(isinstance(each, LedgerEntry) for each in chosen))
    entries = (chosen or ()) if known else ()
    reached = [each.after for each in entries if each.verdict == "kept" and each.after is not None]
    best, score = min([best_score, *reached]), learner.validate()
    require(
        score >= best - 1e-6 * max(1.0, abs(best)),
        f"{owner}: keep_best() must return to what reached best_score {best_score!r}; validate() gives {score!r}",
    )
    require(
        known and all((each.phase, each.source, each.target) == ("choice", bucket, bucket) for each in entries),
        f"{owner}: keep_best() returns None, or ledger entries of phase 'choice' from {bucket} to itself; got {safe_repr(chosen)}",
    )
