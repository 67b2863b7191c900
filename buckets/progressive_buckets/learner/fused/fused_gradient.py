"""The gradient of `gradient.loss_and_gradient` by the compiled passes, with the products of torch or of their own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from ctypes import byref
from itertools import pairwise
from typing import TYPE_CHECKING

import torch

from progressive_buckets.learner.fused.compiled import Step, multiplies
from progressive_buckets.learner.gradient import HUBER
from progressive_buckets.learner.network import ACTIONS, EPSILON

if TYPE_CHECKING:
    from ctypes import CDLL

    from torch import Tensor

    from progressive_buckets.learner.gradient import Batch, DropoutBytes
    from progressive_buckets.learner.network import Network, Shape


class FusedGradient:
    """The gradient of one `network` on batches of `rows` observations, in the precision `dtype`.

    Each of torch's threads takes a stretch of the rows: on their own they meet once a step, inside the products some twenty times.
    """

    def __init__(self, library: CDLL, network: Network, dropout: DropoutBytes, rows: int, dtype: torch.dtype) -> None:
        self.library, self.network, self.dropout, self.size = library, network, dropout, rows
        self.own = own = multiplies(library, dtype)
        self.layers = empty_layers(network.shape, torch.float32 if own else dtype)
        threads = min(torch.get_num_threads(), rows)
        edges = [rows * n // threads for n in range(threads + 1)]
        kind = InBlocks if own else ByTorch
        self.stretches: list[Stretch] = [
            kind(library, network, dropout, self.layers, slice(*between), rows, dtype) for between in pairwise(edges)
        ]
        packed = torch.zeros(library.packed_needed(byref(self.stretches[0].step)) if own else 0)
        for each in self.stretches:
            each.keep("packed", packed)
        self.workers = ThreadPoolExecutor(threads, "gradient", torch.set_num_threads, (1,)) if threads > 1 else None

    @property
    def alone(self) -> bool:
        """Whether one thread multiplies all of a batch by the passes: they can then make a whole round."""
        return self.own and self.workers is None

    def __call__(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """As `loss_and_gradient`; the error [2, B] is overwritten by the next call."""
        whole, *others = self.stretches
        self.library.make_layers(byref(whole.step))
        if self.own:
            self.library.pack_layers(byref(whole.step))
        count = self.network.shape.members * self.size * self.network.shape.width
        masks = self.dropout.take(count), self.dropout.take(count)
        if self.workers is None:
            whole(batch, masks)
        else:
            list(self.workers.map(lambda each: each(batch, masks), self.stretches))
        for other in others:
            for total, tensor in zip(whole.totals, other.totals, strict=True):
                total.add_(tensor)
        self.library.make_gradient(byref(whole.step))
        error = whole.error if not others else torch.cat([each.error for each in self.stretches], dim=2)
        return whole.loss[0].float(), error.mean(dim=0)


def empty_layers(shape: Shape, dtype: torch.dtype) -> dict[str, Tensor]:
    """Memory for the layers that `make_layers` derives from a network's weights, by their names in `Step`; the matrices in `dtype`."""
    members, width, columns = shape.members, shape.width, shape.features * shape.scales
    heads = ACTIONS + len(shape.horizons)
    return {
        "first": torch.zeros(members, columns, width, dtype=dtype),
        "second": torch.zeros(members, width, width, dtype=dtype),
        "linear": torch.zeros(members * ACTIONS, columns, dtype=dtype),
        "first_bias": torch.zeros(members, width),
        "second_bias": torch.zeros(members, width),
        "head": torch.zeros(members, heads, width),
        "head_bias": torch.zeros(members, heads),
    }


class Stretch(ABC):
    """A stretch of a batch's rows: what they add up to in the gradient."""

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
        self.library, self.layers, self.stretch, self.batch, self.dtype = library, layers, rows, batch, dtype
        self.kept: list[Tensor] = []
        shape = network.shape
        members, width, heads = shape.members, shape.width, ACTIONS + len(shape.horizons)
        self.members, self.width, self.count = members, width, rows.stop - rows.start
        self.step = Step(
            members=members,
            features=shape.features,
            scales=shape.scales,
            width=width,
            horizons=len(shape.horizons),
            rows=self.count,
            threshold=dropout.threshold,
            half=layers["first"].dtype == torch.bfloat16,
            narrow=dtype == torch.bfloat16,
            dropout_scale=dropout.scale,
            epsilon=EPSILON,
            huber=HUBER,
        )
        for name, tensor in {
            "weights": network.flat,
            "prior": network.prior,
            "gradient": network.gradient,
            **layers,
        }.items():
            self.keep(name, tensor)
        self.error = self.keep("error", torch.zeros(members, ACTIONS, self.count))
        self.loss = self.keep("loss", torch.zeros(1, dtype=torch.float64))
        sizes = {
            "grad_first_bias": members * width,
            "grad_second_bias": members * width,
            "grad_head": members * heads * width,
            "grad_head_bias": members * heads,
        }
        products = ("first", "second", "linear")
        self.sums = torch.zeros(sum(sizes.values()))  # zeroed by one call
        for name, part in zip(sizes, self.sums.split(list(sizes.values())), strict=True):
            self.keep(name, part)
        self.grad_first, self.grad_second, self.grad_linear = (
            self.keep(f"grad_{name}", torch.zeros_like(layers[name])) for name in products
        )
        self.totals = (self.grad_first, self.grad_second, self.grad_linear, self.sums, self.loss)
        self.allocate()

    def keep(self, name: str, tensor: Tensor) -> Tensor:
        """Give the passes the address of a tensor, which lives as long as this does."""
        self.kept.append(tensor)
        setattr(self.step, name, tensor.data_ptr())
        return tensor

    @abstractmethod
    def allocate(self) -> None:
        """Memory for what lies between the passes."""

    @abstractmethod
    def __call__(self, batch: Batch, masks: tuple[Tensor, Tensor]) -> None:
        """Forward and backward over these rows of a batch, with its `masks` of both layers."""


class ByTorch(Stretch):
    """With products by torch, over all rows at once."""

    def allocate(self) -> None:
        count, width, both, dtype = self.count, self.width, self.members * ACTIONS, self.dtype
        self.rows = torch.zeros(count, self.layers["first"].shape[1], dtype=dtype)
        self.z1, self.hidden, self.z2, self.grad = (
            self.keep(name, torch.zeros(count, width, dtype=dtype)) for name in ("z1", "hidden", "z2", "grad")
        )
        self.along, self.grad_along = (
            self.keep(name, torch.zeros(both, count, dtype=dtype)) for name in ("along", "grad_along")
        )
        for name in ("deviation", "radial"):
            self.keep(name, torch.zeros(count))

    def __call__(self, batch: Batch, masks: tuple[Tensor, Tensor]) -> None:
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


class InBlocks(Stretch):
    """With products of the passes themselves, over as many rows at a time as a processor's cache holds with all that comes of them.
    In bfloat16 only what goes into a product is rounded."""

    def allocate(self) -> None:
        self.keep("space", torch.zeros(self.library.space_needed(byref(self.step))))

    def __call__(self, batch: Batch, masks: tuple[Tensor, Tensor]) -> None:
        start, table = self.stretch.start, batch.table
        self.step.stride = batch.targets.stride(0)
        self.library.gradient_of_rows(
            byref(self.step),
            table.data_ptr(),
            table.stride(0),
            table.dtype == torch.bfloat16,
            batch.bars.data_ptr() + 8 * start,
            *(mask.data_ptr() + start * self.width for mask in masks),
            self.batch,
            batch.targets.data_ptr() + 4 * start,
            batch.shares.data_ptr() + 4 * start,
        )
