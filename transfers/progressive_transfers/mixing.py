"""Mixing the weights of two networks, by name and shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

from progressive_training import Knowledge

if TYPE_CHECKING:
    from torch import Tensor


def mixed_weights(source: Knowledge, target: Knowledge, alpha: float) -> dict[str, Tensor]:
    """`alpha * source + (1 - alpha) * target` for every weight that both have in one shape and type.

    :return: the source's other weights are offered as they are, so that the learner reports them as dropped; empty
        when nothing fits.
    """
    import torch

    fitting = [name for name in source.weights if name in target.weights and _fits(source, target, name)]
    if not fitting:
        return {}
    # One call for all, as torch.optim does it: the time of a small tensor's own call is that of copying it again.
    mixed = torch._foreach_lerp(
        [target.weights[name] for name in fitting], [source.weights[name] for name in fitting], alpha
    )
    return {**source.weights, **dict(zip(fitting, mixed, strict=True))}


def _fits(source: Knowledge, target: Knowledge, name: str) -> bool:
    theirs, ours = source.weights[name], target.weights[name]
    return theirs.is_floating_point() and theirs.shape == ours.shape and theirs.dtype == ours.dtype
