"""The loss and its gradient, written out: one pass forward, one back, no graph.

Layers are those of `network`, with dropout. By hand the step needs a third fewer passes over the activations than
autograd takes, and every product has a shape that the matrix libraries are fast at. `tests` compare it with autograd.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from attrs import frozen

from progressive_buckets.learner.network import ACTIONS, EPSILON, GATES, centred, inverse_deviation

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from progressive_buckets.learner.network import Network

HUBER = 3.0
"""Deviations beyond which an error counts linearly: crashes must not dominate."""
POOL = 1 << 20
"""Random decisions drawn at a time for dropout. Drawing them costs as much as a layer, so updates share them, each
beginning elsewhere."""
STRIDE = 7919 * 64


@frozen
class Batch:
    """What B bars teach: their rows of a `table` [T, columns] in the precision to compute in, at `bars` [B]; what the
    outputs should be, `targets` [2 + horizons, B]; and how much an error counts, `shares` [2 + horizons, B] of the loss."""

    table: Tensor
    bars: Tensor
    targets: Tensor
    shares: Tensor


def shares_of(weights: Tensor, counts: Tensor, auxiliary: float) -> Tensor:
    """Shares [2 + horizons, B] that make the loss a mean over outputs, and a sum over rows.

    :param weights: [B] importance of a row's advantages. :param counts: [horizons, B] how much an outcome counts.
    :param auxiliary: weight of the squared error of the horizon predictions beside Huber's of the advantages.
    """
    of_value, of_horizon = 1 / ACTIONS, 2 * auxiliary / max(1, len(counts))
    return torch.cat([(weights * of_value).expand(ACTIONS, -1), counts * of_horizon])


class Dropout:
    """Masks of 0 and 1 that drop the share `drop`, cut from one pool of random bytes."""

    def __init__(self, drop: float, dtype: torch.dtype, device: torch.device) -> None:
        self.threshold = round(drop * 256)
        self.scale = 256.0 / (256 - self.threshold)
        """By which what is kept grows, so that the mean stays."""
        self.pool = torch.ones(0, dtype=dtype, device=device)
        self.cursor = 0

    def renew(self, least: int, generator: Generator) -> None:
        """Draw the pool anew, with room for masks of `least` elements: eight bytes at a time, which is 8 times faster."""
        words = torch.empty(max(POOL, 2 * least) // 8, dtype=torch.int64, device=self.pool.device)
        words.random_(-(2**63), None, generator=generator)
        self.pool.resize_(8 * len(words))
        torch.ge(words.view(torch.uint8), self.threshold, out=self.pool)  # five times faster than by way of booleans
        self.cursor = 0

    def mask(self, like: Tensor) -> Tensor:
        """The next mask, of the shape of `like`."""
        size = like.numel()
        start = self.cursor % (len(self.pool) - size)
        self.cursor += STRIDE
        return self.pool[start : start + size].view(like.shape)


def loss_and_gradient(network: Network, batch: Batch, dropout: Dropout) -> tuple[Tensor, Tensor]:
    """Write the gradient of the loss into `network.gradient`.

    The loss is the sum of shares times Huber's of the advantages' errors and half the squares of the predictions', a
    mean over members.

    What a normalised layer takes from the gradient needs, row by row, the product of that gradient and the layer's
    activations. For the second layer the heads have it. For the first, it is that of the second layer's outputs and
    their gradient: nothing but for the bias and EPSILON, since normalised values do not change when their inputs grow.

    :return: the loss [], and the members' mean advantages less those wanted [2, B].
    """
    weight, gradient, dtype = network.parameters, network.gradients, batch.table.dtype
    members, width = network.shape.members, network.shape.width
    (first_weight, first_bias), (second_weight, second_bias) = network.layers(dtype)
    heads, head_bias = network.heads()  # [members, 2 + horizons, width] and [members, 2 + horizons, 1]
    heads = heads.to(dtype)
    rows = batch.table.index_select(0, batch.bars).expand(members, -1, -1)  # [members, B, columns]

    first, first_out, first_scale = forward(rows, first_weight, first_bias, dropout)
    first.mul_(first_scale * dropout.scale)
    second, second_out, second_scale = forward(first, second_weight, second_bias, dropout)
    kept_scale = (second_scale * dropout.scale).mT  # [members, 1, B], which the heads' few outputs take more cheaply
    answers = torch.bmm(heads, second.mT).float().mul_(kept_scale)  # [members, 2 + horizons, B]
    error = answers + head_bias - batch.targets
    error[:, :ACTIONS] += torch.bmm(network.linear(dtype), rows.mT)

    slope = error.clone()
    slope[:, :ACTIONS].clamp_(-HUBER, HUBER)
    shares = batch.shares / members
    loss = (slope * (error - slope / 2) * shares).sum()
    back = slope.mul_(shares)
    scaled_back = (back * kept_scale).to(dtype)

    along = (back * answers).sum(dim=1).unsqueeze(2) * (second_scale.float().square() / width)  # [members, B, 1]
    into_second = backward(torch.bmm(scaled_back.mT, heads), second, second_out, along)
    along = EPSILON * width * along - torch.bmm(into_second, second_bias.mT)
    along = along * (first_scale.float().square() / width)
    into_first = torch.bmm(into_second, second_weight.mT).mul_(first_scale * dropout.scale)
    into_first = backward(into_first, first, first_out, along)

    first_gradient = centred(summed_over_rows(rows, into_first))  # [members, columns, width], of gates * weight
    linear_gradient = torch.bmm(back[:, :ACTIONS].to(dtype), rows).float().mT  # [members, columns, 2], likewise
    through = (weight["extractor.0.weight"] * first_gradient).sum(dim=2)
    through += (weight["value.linear"] * linear_gradient).sum(dim=2)  # [members, columns]
    by_feature = through.view(members, -1, network.shape.scales).sum(dim=2)
    gates = network.gates()
    torch.mul(by_feature, network.prior, out=gradient[GATES])
    torch.mul(first_gradient, gates, out=gradient["extractor.0.weight"])
    torch.mul(linear_gradient, gates, out=gradient["value.linear"])
    gradient["extractor.1.weight"].copy_(centred(summed_over_rows(first, into_second)))
    for name, into in (("extractor.0.bias", into_first), ("extractor.1.bias", into_second)):
        gradient[name].copy_(centred(into.sum(dim=1, keepdim=True).float()))
    head_gradient, bias_gradient = torch.bmm(scaled_back, second).float(), back.sum(dim=2, keepdim=True)
    gradient["value.weight"].copy_(head_gradient[:, :ACTIONS].mT)
    gradient["value.bias"].copy_(bias_gradient[:, :ACTIONS].mT)
    horizon_weight, horizon_bias = network.horizon_head_gradients
    horizon_weight.copy_(head_gradient[:, ACTIONS:])
    horizon_bias.copy_(bias_gradient[:, ACTIONS:])
    return loss, error[:, :ACTIONS].mean(dim=0)


def summed_over_rows(left: Tensor, right: Tensor) -> Tensor:
    """`left`^T `right` [members, inputs, outputs] float32 of [members, B, inputs] and [members, B, outputs].

    So long a sum for so few results is cut into a part a thread where the rows divide evenly: left whole, a second thread
    makes it 1.6 times as fast, in two parts 2 times (seen by us).
    """
    parts = math.gcd(left.shape[1], torch.get_num_threads()) if left.device.type == "cpu" else 1
    return torch.matmul(left.unflatten(1, (parts, -1)).mT, right.unflatten(1, (parts, -1))).float().sum(dim=1)


def forward(inputs: Tensor, weight: Tensor, bias: Tensor, dropout: Dropout) -> tuple[Tensor, Tensor, Tensor]:
    """One hidden layer with dropout: its activations but for their scale, its `outputs` before them, and the scale.

    :param inputs: [members, B, inputs]. :return: [members, B, width] twice, and [members, B, 1], to which
        `dropout.scale` comes.
    """
    outputs = torch.bmm(inputs, weight).add_(bias)
    hidden = torch.relu(outputs)
    if dropout.threshold:
        hidden.mul_(dropout.mask(hidden))
    return hidden, outputs, inverse_deviation(outputs)


def backward(into: Tensor, hidden: Tensor, outputs: Tensor, along: Tensor) -> Tensor:
    """From the scaled gradient `into` the activations `hidden` of a layer to that of its `outputs` [members, B, width],
    of which normalisation takes `along` [members, B, 1] times the outputs; in place."""
    torch.ops.aten.threshold_backward.grad_input(into, hidden, 0, grad_input=into)  # neither dropped nor below zero
    return into.addcmul_(outputs, along.to(into.dtype), value=-1)
