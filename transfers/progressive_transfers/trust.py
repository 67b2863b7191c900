"""What may travel from a source: it is judged by its own t, and by its zero-shot score in the target's place (its proof)."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import TypeVar

from progressive_training import Knowledge, Proof
from progressive_training.presentation import profit_text

Name = TypeVar("Name", bound=Hashable)

OWN_T = 2.0
"""t that a source must have where it learned, on validation bars that did not choose it (`Knowledge.t`). Seen by us: 3 to 4 %
of the models that learned from noise have it, 46 % of those on markets with a weak edge."""
STANDARD_ERRORS = 2.0
"""Standard errors by which its weights must do better than luck in the target's place."""
AGREEMENT = 0.5
"""Cosine from which two judgements count as the same."""


def doubt(source: Knowledge, proof: Proof | None) -> str:
    """Why `source` is not proven; empty when it is.

    It has to have shown an edge where it learned, on bars that did not choose it: what the validation bars chose looks good on
    them, in the target's place too. And its weights, unchanged, have to beat the target beyond luck, where they were tried.
    An untrained or idle target scores 0; a target below 0 must be beaten by the same margin. Whose t or error is unknown is
    not proven.
    """
    if not source.t >= OWN_T:
        known = "its own t is not known" if math.isnan(source.t) else f"its own t is {source.t:.1f}"
        return f"not proven: {known}, expected {OWN_T:g} on bars that did not choose it"
    if proof is None:
        return ""
    score = profit_text(proof.after)
    if not proof.after >= proof.before:
        return f"not proven: {score}, below the target's own {profit_text(proof.before)}"
    luck = min(proof.before, 0.0)
    if not proof.after - STANDARD_ERRORS * proof.error > luck:
        ahead = (
            f"{(proof.after - luck) / proof.error:.1f} standard errors" if proof.error > 0 else "by an unknown error"
        )
        return f"not proven: {score}, {ahead} above {profit_text(luck)}, expected {STANDARD_ERRORS:g}"
    return ""


def agree(taught: Mapping[Name, float], own: Mapping[Name, float]) -> bool:
    """Whether two judgements of the same things put weight on the same ones: the source's and the target's own.

    Each is compared by how far it exceeds its own mean: ranks among unimportant features are noise. Where the target
    sees no difference at all, nothing speaks for the source.
    """
    shared = [name for name in taught if name in own]
    ours, theirs = excess([own[name] for name in shared]), excess([taught[name] for name in shared])
    norms = math.hypot(*ours) * math.hypot(*theirs)
    together = sum(one * other for one, other in zip(ours, theirs, strict=True))
    return norms > 0 and together / norms >= AGREEMENT


def excess(values: list[float]) -> list[float]:
    """How far each exceeds the mean, 0 where it does not."""
    mean = sum(values) / max(1, len(values))
    return [max(0.0, value - mean) for value in values]
