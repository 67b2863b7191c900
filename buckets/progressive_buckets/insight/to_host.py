"""Copies the statistics of an episode from the device to the host, all at once at its end.

During an episode the learner's parts only collect tensors, in groups by name, so that the host never waits for the
device. `episode_report` turns the numbers into an episode report.
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
"""The same on the host, in float64: whole numbers up to 2 ** 53, such as bar numbers, stay exact."""


def to_host(groups: Mapping[str, Notes]) -> dict[str, Values]:
    """Copy all tensors of all groups in one transfer. Shapes are kept; a scalar becomes an array without dimensions."""
    tensors = [tensor for notes in groups.values() for tensor in notes.values()]
    flat = torch.cat([tensor.flatten().to(torch.float64) for tensor in tensors]).cpu().numpy()
    ends = accumulate((tensor.numel() for tensor in tensors), initial=0)
    values = iter([flat[a:b].reshape(t.shape) for t, (a, b) in zip(tensors, pairwise(ends), strict=True)])
    return {group: {name: next(values) for name in notes} for group, notes in groups.items()}
