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

    ours = target.weights
    fitting = {
        name: (ours[name], theirs)
        for name, theirs in source.weights.items()
        if name in ours
        and theirs.shape == ours[name].shape
        and theirs.dtype == ours[name].dtype
        and theirs.is_floating_point()
    }
    if not fitting:
        return {}
    # One call for all, as torch.optim does it: a call for each small tensor takes as long as copying it once more.
    held, taught = zip(*fitting.values(), strict=True)
    mixed = torch._foreach_lerp(held, taught, alpha)
    return {**source.weights, **dict(zip(fitting, mixed, strict=True))}
