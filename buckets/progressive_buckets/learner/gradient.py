"""The loss and its gradient, written out: one pass forward, one back, no graph.

Layers are those of `network`, with dropout. By hand the step needs a third fewer passes over the activations than
autograd takes, and every product has a shape that the matrix libraries are fast at. `tests` compare it with autograd.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from attrs import frozen

from progressive_buckets.learner.network import ACTIONS, GATES, centred, inverse_deviation

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
    """What B rows teach: `rows` [B, columns] in the precision to compute in, `wanted` advantages [2, B] with
    importance `weights` [B], `outcomes` [horizons, B] and how much each `counts` [horizons, B]."""

    rows: Tensor
    wanted: Tensor
    weights: Tensor
    outcomes: Tensor
    counts: Tensor


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
        self.pool = (words.view(torch.uint8) >= self.threshold).to(self.pool.dtype)
        self.cursor = 0

    def mask(self, like: Tensor) -> Tensor:
        """The next mask, of the shape of `like`."""
        size = like.numel()
        start = self.cursor % (len(self.pool) - size)
        self.cursor += STRIDE
        return self.pool[start : start + size].view(like.shape)


def loss_and_gradient(network: Network, batch: Batch, auxiliary: float, dropout: Dropout) -> tuple[Tensor, Tensor]:
    """Write the gradient of the loss into `network.gradient`.

    The loss is Huber's of the advantages plus `auxiliary` times the squared error of the horizon predictions, means
    over members, rows and outputs.

    :return: the loss [], and the members' mean advantages less those wanted [2, B].
    """
    weight, gradient, dtype = network.parameters, network.gradients, batch.rows.dtype
    members, count = network.shape.members, len(batch.rows)
    gates = network.gates()
    layers = [(matrix.to(dtype), bias.to(dtype)) for matrix, bias in network.layers()]
    rows = batch.rows.expand(members, *batch.rows.shape)  # [members, B, columns]
    first, first_out, first_scale = forward(rows, *layers[0], dropout)
    second, second_out, second_scale = forward(first, *layers[1], dropout)

    horizon_weight, horizon_bias = network.horizon_heads()
    heads = torch.cat([weight["value.weight"].mT, horizon_weight], dim=1).to(dtype)  # [members, 2 + horizons, width]
    linear = (gates * weight["value.linear"]).mT.to(dtype)  # [members, 2, columns]
    outputs = torch.bmm(heads, second.mT).float()  # [members, 2 + horizons, B]
    outputs[:, :ACTIONS] += torch.bmm(linear, rows.mT).float() + weight["value.bias"].mT
    outputs[:, ACTIONS:] += horizon_bias

    error = outputs[:, :ACTIONS] - batch.wanted
    slope = error.clamp(-HUBER, HUBER)
    value_share = batch.weights / (ACTIONS * members * count)
    missed = outputs[:, ACTIONS:] - batch.outcomes
    horizon_share = batch.counts * (auxiliary / (members * count * max(1, len(batch.outcomes))))
    loss = (slope * (error - slope / 2) * value_share).sum() + (missed.square() * horizon_share).sum()
    back = torch.cat([slope * value_share, 2 * missed * horizon_share], dim=1)  # [members, 2 + horizons, B]
    bias = back.sum(dim=2)  # [members, 2 + horizons]
    back = back.to(dtype)

    head_gradient = torch.bmm(back, second).float()  # [members, 2 + horizons, width]
    linear_gradient = torch.bmm(back[:, :ACTIONS], rows).float().mT  # [members, columns, 2]
    into_second = backward(torch.bmm(back.mT, heads), second, second_out, second_scale, dropout)
    second_gradient = centred(torch.bmm(first.mT, into_second).float())
    into_first = backward(torch.bmm(into_second, layers[1][0].mT), first, first_out, first_scale, dropout)
    first_gradient = centred(torch.bmm(rows.mT, into_first).float())  # [members, columns, width], of gates * weight

    through = (weight["extractor.0.weight"] * first_gradient).sum(dim=2)
    through += (weight["value.linear"] * linear_gradient).sum(dim=2)  # [members, columns]
    by_feature = through.view(members, -1, network.shape.scales).sum(dim=2)
    torch.mul(by_feature, network.prior, out=gradient[GATES])
    torch.mul(first_gradient, gates, out=gradient["extractor.0.weight"])
    torch.mul(linear_gradient, gates, out=gradient["value.linear"])
    gradient["extractor.1.weight"].copy_(second_gradient)
    for name, into in (("extractor.0.bias", into_first), ("extractor.1.bias", into_second)):
        gradient[name].copy_(centred(into.sum(dim=1, keepdim=True).float()))
    gradient["value.weight"].copy_(head_gradient[:, :ACTIONS].mT)
    gradient["value.bias"].copy_(bias[:, None, :ACTIONS])
    for h, horizon in enumerate(network.shape.horizons):
        gradient[f"horizon.{horizon}.weight"].copy_(head_gradient[:, ACTIONS + h, :, None])
        gradient[f"horizon.{horizon}.bias"].copy_(bias[:, ACTIONS + h, None, None])
    return loss, error.mean(dim=0)


def forward(inputs: Tensor, weight: Tensor, bias: Tensor, dropout: Dropout) -> tuple[Tensor, Tensor, Tensor]:
    """One hidden layer with dropout: its activations, its `outputs` before them, and the `scale` between the two.

    :param inputs: [members, B, inputs]. :return: [members, B, width] twice, and [members, B, 1].
    """
    outputs = torch.baddbmm(bias, inputs, weight)
    scale = inverse_deviation(outputs)
    hidden = torch.relu(outputs)
    if dropout.threshold:
        hidden.mul_(dropout.mask(hidden))
    return hidden.mul_(scale * dropout.scale), outputs, scale


def backward(into: Tensor, hidden: Tensor, outputs: Tensor, scale: Tensor, dropout: Dropout) -> Tensor:
    """From the gradient `into` the activations `hidden` of a layer to that of its `outputs` [members, B, width]."""
    alive = torch.ops.aten.threshold_backward(into, hidden, 0)  # neither dropped nor below zero
    along = torch.linalg.vecdot(alive, hidden).unsqueeze(2) * scale.square() / outputs.shape[2]
    return alive.mul_(scale * dropout.scale).addcmul_(outputs, along, value=-1)
