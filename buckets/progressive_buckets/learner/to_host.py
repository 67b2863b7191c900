"""What people read of an episode comes to the host in one transfer, at its end: until then the device never waits.

The parts of the learner hand out tensors, in groups by name; what a group says is put into words where it was made.
"""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from torch import Tensor

Notes = dict[str, "Tensor"]
"""Tensors by name, still on the device."""
Values = dict[str, "np.ndarray"]
"""The same on the host, float64: whole numbers up to 2 ** 53, such as bars and nanoseconds of a run, stay exact."""


def read(groups: Mapping[str, Notes]) -> dict[str, Values]:
    """Bring all tensors of all groups over at once; shapes stay, and a number is an array without a dimension."""
    tensors = [tensor for notes in groups.values() for tensor in notes.values()]
    flat = torch.cat([tensor.flatten().to(torch.float64) for tensor in tensors]).cpu().numpy()
    ends = accumulate((tensor.numel() for tensor in tensors), initial=0)
    values = iter([flat[a:b].reshape(t.shape) for t, (a, b) in zip(tensors, pairwise(ends), strict=True)])
    return {group: {name: next(values) for name in notes} for group, notes in groups.items()}
