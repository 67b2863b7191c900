"""What may travel from a source: it is judged by its zero-shot score in the target's place (its proof)."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import TypeVar

from progressive_training import Proof

Name = TypeVar("Name", bound=Hashable)

STANDARD_ERRORS = 2.0
"""By how many the source's score must exceed doing nothing where the training bars speak for it too. One source of random
weights in fourteen does that by luck alone, but none of them on both: seen by us, -2.3 to 1.4 on the training bars, where
teachers that had learned had 4.7 to 8.6."""
SURE_ERRORS = 3.0
"""By how many it must on the training bars, and on validation where nobody knows the training bars' answer."""
AGREEMENT = 0.5
"""Cosine from which two judgements count as the same."""


def doubt(proof: Proof) -> str:
    """Why a source that was tried in the target's place is not proven; empty when it is.

    Proven is a source that, as it is, does the target's task better than the target does, and surely not by luck. A score of
    0 is what doing nothing earns, an untrained target's too. A target that did worse than that has to be surpassed by the
    same margin. The bars that the target trains on are asked as well: there are more of them, and luck does not hold on
    both. A source whose error is unknown is not proven.
    """
    score = f"{proof.after:+.2f} +- {proof.error:.2f}"
    if not proof.after >= proof.before:
        return f"not proven: {score}, below the target's own {proof.before:+.2f}"
    if proof.training_t < SURE_ERRORS:
        return f"not proven: {score}, t {proof.training_t:.1f} on the training bars"
    errors = SURE_ERRORS if math.isnan(proof.training_t) else STANDARD_ERRORS
    if not proof.after - errors * proof.error > min(proof.before, 0.0):
        return f"not proven: {score}"
    return ""


def agree(taught: Mapping[Name, float], own: Mapping[Name, float]) -> bool:
    """Whether two judgements of the same things put weight on the same ones: the source's and the target's own.

    Each is compared by how far it exceeds its own mean: the order of what both call unimportant is luck. Where the target
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
