"""What may travel from a source: it is judged by its zero-shot score in the target's place (its proof)."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import TypeVar

from progressive_training import Proof

Name = TypeVar("Name", bound=Hashable)

STANDARD_ERRORS = 2.0
"""Standard errors required on validation where the training bars also pass. One source of random
weights in fourteen does that by luck alone, but none of them on both: seen by us, -2.3 to 1.4 on the training bars, where
teachers that had learned had 4.7 to 8.6."""
SURE_ERRORS = 3.0
"""Standard errors required on the training bars; also on validation where `training_t` is NaN."""
AGREEMENT = 0.5
"""Cosine from which two judgements count as the same."""


def doubt(proof: Proof) -> str:
    """Why a source that was tried in the target's place is not proven; empty when it is.

    A source is proven if its weights, unchanged, beat the target beyond luck. An untrained or idle target scores 0; a target
    below 0 must be beaten by the same margin. The bars that the target trains on are asked as well: there are more of them, and luck does not hold on
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
