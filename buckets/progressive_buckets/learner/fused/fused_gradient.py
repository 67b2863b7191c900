"""The gradient of `gradient.loss_and_gradient` by the compiled passes, with the products left to torch."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from ctypes import byref
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import torch

from progressive_buckets.learner.fused.compiled import Step
from progressive_buckets.learner.gradient import HUBER
from progressive_buckets.learner.network import ACTIONS, EPSILON

if TYPE_CHECKING:
    from ctypes import CDLL

    from torch import Tensor

    from progressive_buckets.learner.gradient import Batch, DropoutBytes
    from progressive_buckets.learner.network import Network


class FusedGradient:
    """The gradient of one `network` on batches of `rows` observations, in the precision `dtype`.

    Each of torch's threads takes a stretch of the rows: on their own they meet once a step, inside the products some twenty times.
    """

    def __init__(self, library: CDLL, network: Network, dropout: DropoutBytes, rows: int, dtype: torch.dtype) -> None:
        self.library, self.network, self.dropout, self.size = library, network, dropout, rows
        shape = network.shape
        members, width, columns = shape.members, shape.width, shape.features * shape.scales
        heads = ACTIONS + len(shape.horizons)
        self.layers = {
            "first": torch.zeros(members, columns, width, dtype=dtype),
            "second": torch.zeros(members, width, width, dtype=dtype),
            "linear": torch.zeros(members * ACTIONS, columns, dtype=dtype),
            "first_bias": torch.zeros(members, width),
            "second_bias": torch.zeros(members, width),
            "head": torch.zeros(members, heads, width),
            "head_bias": torch.zeros(members, heads),
        }
        threads = min(torch.get_num_threads(), rows)
        edges = [rows * n // threads for n in range(threads + 1)]
        self.stretches = [
            Stretch(library, network, dropout, self.layers, slice(*between), rows, dtype) for between in pairwise(edges)
        ]
        self.workers = ThreadPoolExecutor(threads, "gradient", torch.set_num_threads, (1,)) if threads > 1 else None

    def __call__(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """As `loss_and_gradient`; the error [2, B] is overwritten by the next call."""
        whole, *others = self.stretches
        self.library.make_layers(byref(whole.step))
        count = self.network.shape.members * self.size * self.network.shape.width
        masks = self.dropout.take(count), self.dropout.take(count)
        if self.workers is None:
            whole(batch, masks)
        else:
            list(self.workers.map(partial(Stretch.__call__, batch=batch, masks=masks), self.stretches))
        for other in others:
            for total, tensor in zip(whole.totals, other.totals, strict=True):
                total.add_(tensor)
        self.library.make_gradient(byref(whole.step))
        error = whole.error if not others else torch.cat([each.error for each in self.stretches], dim=2)
        return whole.loss[0].float(), error.mean(dim=0)


class Stretch:
    """A stretch of a batch's rows: their activations, and what they add up to in the gradient."""

    def __init__(
        self,
        library: CDLL,
        network: Network,
        dropout: DropoutBytes,
        layers: dict[str, Tensor],
        rows: slice,
        batch: int,
        dtype: torch.dtype,
    ) -> None:
        self.library, self.layers, self.stretch, self.batch = library, layers, rows, batch
        shape, count = network.shape, rows.stop - rows.start
        members, width, columns = shape.members, shape.width, shape.features * shape.scales
        heads = ACTIONS + len(shape.horizons)
        self.members, self.width = members, width
        self.rows = torch.zeros(count, columns, dtype=dtype)
        self.z1, self.hidden, self.z2, self.grad = (torch.zeros(count, width, dtype=dtype) for _ in range(4))
        self.along, self.grad_along = (torch.zeros(members * ACTIONS, count, dtype=dtype) for _ in range(2))
        self.error, self.scales = torch.zeros(members, ACTIONS, count), torch.zeros(2, count)
        self.grad_first, self.grad_second, self.grad_linear = (
            torch.zeros_like(layers[name]) for name in ("first", "second", "linear")
        )
        sizes = {
            "grad_first_bias": members * width,
            "grad_second_bias": members * width,
            "grad_head": members * heads * width,
            "grad_head_bias": members * heads,
        }
        self.sums = torch.zeros(sum(sizes.values()))  # zeroed by one call
        self.loss = torch.zeros(1, dtype=torch.float64)
        self.totals = (self.grad_first, self.grad_second, self.grad_linear, self.sums, self.loss)
        own = (
            "z1",
            "hidden",
            "z2",
            "grad",
            "along",
            "grad_along",
            "error",
            "loss",
            "grad_first",
            "grad_second",
            "grad_linear",
        )
        tensors = {
            "weights": network.flat,
            "prior": network.prior,
            "gradient": network.gradient,
            "deviation": self.scales[0],
            "radial": self.scales[1],
            **layers,
            **dict(zip(sizes, self.sums.split(list(sizes.values())), strict=True)),
            **{name: getattr(self, name) for name in own},
        }
        self.step = Step(
            members=members,
            features=shape.features,
            scales=shape.scales,
            width=width,
            horizons=len(shape.horizons),
            rows=count,
            threshold=dropout.threshold,
            half=dtype == torch.bfloat16,
            dropout_scale=dropout.scale,
            epsilon=EPSILON,
            huber=HUBER,
            **{name: tensor.data_ptr() for name, tensor in tensors.items()},
        )

    def __call__(self, batch: Batch, masks: tuple[Tensor, Tensor]) -> None:
        """Forward and backward over these rows of a batch, with its `masks` of both layers."""
        library, step, start = self.library, byref(self.step), self.stretch.start
        self.step.stride = batch.targets.stride(0)
        at_targets, at_shares = batch.targets.data_ptr() + 4 * start, batch.shares.data_ptr() + 4 * start
        self.sums.zero_()
        self.loss.zero_()
        rows = torch.index_select(batch.table, 0, batch.bars[self.stretch], out=self.rows)
        torch.mm(self.layers["linear"], rows.mT, out=self.along)
        for member in range(self.members):
            first, second = self.layers["first"][member], self.layers["second"][member]
            place = (member * self.batch + start) * self.width
            torch.mm(rows, first, out=self.z1)
            library.first_layer(step, member, masks[0].data_ptr() + place)
            torch.mm(self.hidden, second, out=self.z2)
            library.second_layer(
                step, member, masks[1].data_ptr() + place, at_targets, at_shares
            )  # z2: the gradient by it
            torch.mm(self.z2, second.mT, out=self.grad)
            library.first_layer_backward(step, member)  # grad: that by z1
            torch.mm(rows.mT, self.grad, out=self.grad_first[member])
            torch.mm(self.hidden.mT, self.z2, out=self.grad_second[member])
        torch.mm(self.grad_along, rows, out=self.grad_linear)
