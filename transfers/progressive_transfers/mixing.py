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
    mixed = {
        name: target.weights[name].lerp(tensor, alpha)
        for name, tensor in source.weights.items()
        if name in target.weights
        and tensor.is_floating_point()
        and tensor.shape == target.weights[name].shape
        and tensor.dtype == target.weights[name].dtype
    }
    return {**source.weights, **mixed} if mixed else {}
