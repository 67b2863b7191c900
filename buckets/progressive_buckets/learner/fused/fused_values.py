"""The advantages of `network.Network` at bars of a table by the compiled passes, products included."""

from __future__ import annotations

import os
from ctypes import byref
from itertools import pairwise
from typing import TYPE_CHECKING

import torch

from progressive_buckets.learner.fused.compiled import Step, multiplies, usable_for, workers
from progressive_buckets.learner.fused.fused_gradient import empty_layers
from progressive_buckets.learner.network import ACTIONS, EPSILON

if TYPE_CHECKING:
    from ctypes import CDLL

    from torch import Tensor

    from progressive_buckets.learner.network import Network


class FusedValues:
    """Of one `network`, whose weights may change between calls, in the precision `dtype`; each of torch's threads takes a stretch."""

    def __init__(self, library: CDLL, network: Network, dtype: torch.dtype) -> None:
        self.library, shape = library, network.shape
        sizes = {name: getattr(shape, name) for name in ("members", "features", "scales", "width")}
        layers = empty_layers(shape, torch.float32)
        self.tensors = {"weights": network.flat, "prior": network.prior, **layers}
        narrow = dtype == torch.bfloat16
        common = {**sizes, "horizons": len(shape.horizons), "epsilon": EPSILON, "narrow": narrow}
        sized = Step(**common)
        self.tensors["packed"] = torch.zeros(library.packed_needed(byref(sized)))
        addresses = {name: tensor.data_ptr() for name, tensor in self.tensors.items()}
        threads = torch.get_num_threads()
        self.spaces = torch.zeros(threads, library.space_needed(byref(sized)))
        self.steps = [Step(**common, **addresses, space=space.data_ptr()) for space in self.spaces]

    def __call__(self, table: Tensor, bars: Tensor) -> Tensor:
        """Advantages [N, 2] of long and short over flat at `bars` [N] of a `table` [T, columns] in the precision of these passes or in float32."""
        bars = bars.contiguous()
        values = torch.empty(len(bars), ACTIONS)
        self.library.make_layers(byref(self.steps[0]))
        self.library.pack_layers(byref(self.steps[0]))
        count = len(self.steps)
        edges = pairwise(len(bars) * n // count for n in range(count + 1))

        def stretch(step: Step, edge: tuple[int, int]) -> None:
            start, step.rows = edge[0], edge[1] - edge[0]
            self.library.advantages_of_rows(
                byref(step),
                table.data_ptr(),
                table.stride(0),
                table.dtype == torch.bfloat16,
                bars.data_ptr() + 8 * start,
                values.data_ptr() + 4 * ACTIONS * start,
            )

        list((map if count == 1 else workers(count, os.getpid()).map)(stretch, self.steps, edges))
        return values


def fused_values(network: Network, table: Tensor) -> FusedValues | None:
    """The advantages of `network` at bars of such a `table`, in its precision; None where torch is to compute them."""
    library = usable_for(network.flat, network.shape.width, ACTIONS + len(network.shape.horizons))
    if library is None or table.stride(1) != 1 or not multiplies(library, table.dtype):
        return None
    return FusedValues(library, network, table.dtype)
