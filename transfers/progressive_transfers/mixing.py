"""Mixing the weights of two networks, by name and shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

from progressive_training import Knowledge

if TYPE_CHECKING:
    from torch import Tensor


KIN = 0.5
"""Cosine of all weights from which two networks share an ancestor. Seen by us: 0.96 and more between parent and child, 0.0
between networks drawn apart."""


def mixed_weights(source: Knowledge, target: Knowledge, alpha: float) -> dict[str, Tensor]:
    """`alpha * source + (1 - alpha) * target` for every weight that both have in one shape and type.

    :return: the source's other weights are offered as they are, so that the learner reports them as dropped; empty
        when nothing fits.
    """
    import torch

    fitting = fitting_weights(source, target)
    if not fitting:
        return {}
    # One call for all, as torch.optim does it: a call for each small tensor takes as long as copying it once more.
    held, taught = zip(*fitting.values(), strict=True)
    mixed = torch._foreach_lerp(held, taught, alpha)
    return {**source.weights, **dict(zip(fitting, mixed, strict=True))}


def are_kin(source: Knowledge, target: Knowledge) -> bool:
    """Whether one network descends from the other, or both share an ancestor; averaging unrelated networks performs badly."""
    import torch

    pairs = fitting_weights(source, target).values()
    if not pairs:
        return False
    held, taught = (torch.cat([weight.flatten().float() for weight in side]) for side in zip(*pairs, strict=True))
    return float(torch.cosine_similarity(held, taught, dim=0)) >= KIN


def fitting_weights(source: Knowledge, target: Knowledge) -> dict[str, tuple[Tensor, Tensor]]:
    """The target's and the source's tensor of every weight that both have in one shape and floating-point type."""
    held = target.weights
    return {
        name: (ours, theirs)
        for name, theirs in source.weights.items()
        if (ours := held.get(name)) is not None
        and theirs.shape == ours.shape
        and theirs.dtype == ours.dtype
        and theirs.is_floating_point()
    }
