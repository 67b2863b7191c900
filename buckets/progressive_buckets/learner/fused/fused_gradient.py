"""The gradient of `gradient.loss_and_gradient` by the compiled passes, with the products left to torch."""

from __future__ import annotations

from ctypes import byref
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
    """Memory for the steps of one `network` on `rows` observations each, in the precision `dtype`."""

    def __init__(self, library: CDLL, network: Network, dropout: DropoutBytes, rows: int, dtype: torch.dtype) -> None:
        self.library, self.network, self.dropout = library, network, dropout
        shape = network.shape
        members, width, columns = shape.members, shape.width, shape.features * shape.scales
        heads = ACTIONS + len(shape.horizons)

        def memory(*sizes: int, dtype: torch.dtype = torch.float32) -> Tensor:
            return torch.zeros(sizes, dtype=dtype)

        self.rows = memory(rows, columns, dtype=dtype)
        self.first, self.second = (
            memory(members, columns, width, dtype=dtype),
            memory(members, width, width, dtype=dtype),
        )
        self.linear = memory(members * ACTIONS, columns, dtype=dtype)
        self.z1, self.hidden, self.z2, self.grad = (memory(rows, width, dtype=dtype) for _ in range(4))
        self.along, self.grad_along = (memory(members * ACTIONS, rows, dtype=dtype) for _ in range(2))
        self.error = memory(members, ACTIONS, rows)
        self.grad_first, self.grad_second = torch.zeros_like(self.first), torch.zeros_like(self.second)
        self.grad_linear = torch.zeros_like(self.linear)
        sizes = [members * width, members * width, members * heads * width, members * heads]
        self.sums = memory(sum(sizes))  # zeroed by one call
        self.loss = memory(1, dtype=torch.float64)
        self.small = [memory(size) for size in (*sizes, rows, rows)]
        first_bias, second_bias, head, head_bias, deviation, radial = self.small
        grad_first_bias, grad_second_bias, grad_head, grad_head_bias = self.sums.split(sizes)
        tensors = {
            "weights": network.flat,
            "prior": network.prior,
            "gradient": network.gradient,
            "first_bias": first_bias,
            "second_bias": second_bias,
            "head": head,
            "head_bias": head_bias,
            "deviation": deviation,
            "radial": radial,
            "grad_first_bias": grad_first_bias,
            "grad_second_bias": grad_second_bias,
            "grad_head": grad_head,
            "grad_head_bias": grad_head_bias,
        }
        own = ("first", "second", "linear", "z1", "hidden", "z2", "grad", "along", "grad_along", "error", "loss")
        tensors |= {name: getattr(self, name) for name in (*own, "grad_first", "grad_second", "grad_linear")}
        self.step = Step(
            members=members,
            features=shape.features,
            scales=shape.scales,
            width=width,
            horizons=len(shape.horizons),
            rows=rows,
            threshold=dropout.threshold,
            half=dtype == torch.bfloat16,
            dropout_scale=dropout.scale,
            epsilon=EPSILON,
            huber=HUBER,
            **{name: tensor.data_ptr() for name, tensor in tensors.items()},
        )

    def __call__(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """As `loss_and_gradient`; the error [2, B] is overwritten by the next call."""
        library, step = self.library, byref(self.step)
        members, size = self.network.shape.members, self.z1.numel()
        targets, shares = batch.targets, batch.shares
        self.step.stride = targets.stride(0)
        at_targets, at_shares = targets.data_ptr(), shares.data_ptr()
        self.sums.zero_()
        self.loss.zero_()
        library.make_layers(step)
        rows = torch.index_select(batch.table, 0, batch.bars, out=self.rows)
        torch.mm(self.linear, rows.mT, out=self.along)
        masks = self.dropout.take(members * size).data_ptr(), self.dropout.take(members * size).data_ptr()
        for member in range(members):
            first, second = self.first[member], self.second[member]
            torch.mm(rows, first, out=self.z1)
            library.first_layer(step, member, masks[0] + member * size)
            torch.mm(self.hidden, second, out=self.z2)
            library.second_layer(
                step, member, masks[1] + member * size, at_targets, at_shares
            )  # z2: the gradient by it
            torch.mm(self.z2, second.mT, out=self.grad)
            library.first_layer_backward(step, member)  # grad: that by z1
            torch.mm(rows.mT, self.grad, out=self.grad_first[member])
            torch.mm(self.hidden.mT, self.z2, out=self.grad_second[member])
        torch.mm(self.grad_along, rows, out=self.grad_linear)
        library.make_gradient(step)
        return self.loss[0].float(), self.error.mean(dim=0)
