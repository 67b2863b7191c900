"""The loss and its gradient, written by hand: one forward pass, one backward pass, no autograd graph.

The layers are those of `network`, with dropout. By hand the step needs a third fewer passes over the activations than
autograd, and every product has a shape that matrix libraries are fast at. `test_gradient` compares it with autograd.
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
"""The delta of Huber's loss (1964), in units: a larger error counts linearly, so that crashes do not dominate."""
POOL = 1 << 20
"""Random bytes drawn at a time for dropout. Drawing them costs as much as a layer, so the masks of a round of updates
share them, each starting at another place."""
STRIDE = 7919 * 64
"""Elements between the starts of two masks in the pool: a prime, times 64 for aligned starts."""


@frozen
class Batch:
    """B training examples.

    `table` [T, columns]: the market's features, in the precision to compute in, the columns of a row beside each other. `bars` [B]: the
    rows to take.
    `targets` [2 + horizons, B]: wanted advantages of long and short, then the outcome at each horizon.
    `shares` [2 + horizons, B]: weight of each error in the loss.
    """

    table: Tensor
    bars: Tensor
    targets: Tensor
    shares: Tensor


def shares_of(weights: Tensor, counts: Tensor, auxiliary: float) -> Tensor:
    """Weights [2 + horizons, B] of the errors in the loss: a mean over the outputs of each kind, a sum over rows.

    :param weights: [B] importance weights of the advantages. :param counts: [horizons, B] weights of the outcomes.
    :param auxiliary: weight of the mean squared error of the horizon predictions. It enters twice, because the loss
        has half the squared error.
    """
    of_value, of_horizon = 1 / ACTIONS, 2 * auxiliary / max(1, len(counts))
    return torch.cat([(weights * of_value).expand(ACTIONS, -1), counts * of_horizon])


class DropoutBytes:
    """Random bytes for dropout, from one pool: an activation is kept where its byte reaches `threshold` (Srivastava et al. 2014).

    :param drop: share of activations to drop, rounded to 1/256.
    """

    def __init__(self, drop: float, device: torch.device | str) -> None:
        self.threshold = round(drop * 256)
        self.scale = 256.0 / (256 - self.threshold)
        """Factor for the activations that are kept: their mean stays the same (inverted dropout)."""
        self.pool = torch.ones(0, dtype=torch.uint8, device=device)
        self.cursor = 0

    def refill(self, least: int, generator: Generator) -> None:
        """Fill the pool with new random bytes; it holds at least twice `least`. Draws eight at a time, which is 8 times
        faster than single ones."""
        words = torch.empty(max(POOL, 2 * least) // 8, dtype=torch.int64, device=self.pool.device)
        self.pool = words.random_(-(2**63), None, generator=generator).view(torch.uint8)
        self.cursor = 0

    def take(self, size: int) -> Tensor:
        """The next `size` elements of the pool."""
        start = self.place(size)
        return self.pool[start : start + size]

    def place(self, size: int) -> int:
        """Where these lie in the pool."""
        start = self.cursor % (len(self.pool) - size)
        self.cursor += STRIDE
        return start


class Dropout(DropoutBytes):
    """Masks of 0 and 1 in the precision `dtype`, made of these bytes."""

    def __init__(self, drop: float, dtype: torch.dtype, device: torch.device | str) -> None:
        super().__init__(drop, device)
        self.dtype = dtype

    def refill(self, least: int, generator: Generator) -> None:
        super().refill(least, generator)
        masks = torch.empty(len(self.pool), dtype=self.dtype, device=self.pool.device)
        self.pool = torch.ge(self.pool, self.threshold, out=masks)  # five times faster than by way of booleans

    def mask(self, like: Tensor) -> Tensor:
        """The next mask, of the shape of `like`."""
        return self.take(like.numel()).view(like.shape)


def loss_and_gradient(network: Network, batch: Batch, dropout: Dropout) -> tuple[Tensor, Tensor]:
    """Write the gradient of the loss into `network.gradient`.

    The loss is a weighted sum of Huber's loss of the advantages and half the squared error of the predictions, averaged
    over the members. In the comments, z is a layer's output before the activation, s its layer-norm scale, d the dropout
    scale, h the activations that go on; `grad_x` is the derivative of the loss by x. m members, B rows, H wide.

    :return: the loss [], and the error of the members' mean advantages [2, B].
    """
    weight, gradient, dtype = network.parameters, network.gradients, batch.table.dtype
    members, width = network.shape.members, network.shape.width
    (w1, b1), (w2, b2) = network.layers(dtype)  # [m, columns, H], [m, 1, H], [m, H, H], [m, 1, H], all centred
    heads, head_bias = network.heads()  # [m, 2 + horizons, H] and [m, 2 + horizons, 1]
    heads = heads.to(dtype)
    rows = batch.table.index_select(0, batch.bars).expand(members, -1, -1)  # [m, B, columns]

    # Forward. First layer: h1 = dropout(relu(z1)) * s1 * d. The scale is positive, so it may follow the relu.
    h1, z1, s1 = forward(rows, w1, b1, dropout)  # [m, B, H] twice, [m, B, 1]
    h1.mul_(s1 * dropout.scale)
    # Second layer: h2 lacks its factor s2 * d, which is applied to the heads' few outputs instead of H activations.
    h2, z2, s2 = forward(h1, w2, b2, dropout)
    scale2 = (s2 * dropout.scale).mT  # [m, 1, B]
    # Heads without bias: y = heads h2 * s2 * d. Error: y + bias - target, plus the linear path for the advantages.
    y = torch.bmm(heads, h2.mT).float().mul_(scale2)  # [m, 2 + horizons, B]
    error = y + head_bias - batch.targets
    error[:, :ACTIONS] += torch.bmm(network.linear(dtype), rows.mT)

    # Loss. Its slope by an error e is e for a squared error / 2, and clamp(e, -delta, delta) for Huber's loss; with
    # slope g both losses are g * (e - g / 2).
    slope = error.clone()
    slope[:, :ACTIONS].clamp_(-HUBER, HUBER)
    shares = batch.shares / members
    loss = (slope * (error - slope / 2) * shares).sum()

    # Backward, heads. grad_y is the slope times its share; grad by the product heads h2 has the factor s2 * d too.
    grad_y = slope.mul_(shares)  # [m, 2 + horizons, B]
    grad_product = (grad_y * scale2).to(dtype)  # [m, 2 + horizons, B]

    # Backward, second layer. With s = (|z|^2 / H + EPSILON)^(-1/2), ds/dz = -s^3 z / H. So by the product rule
    #   grad_z = relu'(z) * mask * s * d * grad_h - radial * z,    radial = <grad_h, h> s^2 / H   [m, B, 1].
    # Here <grad_h, h>, over the width, equals <grad_y, y>, over the few outputs, since y is linear in h.
    radial = (grad_y * y).sum(dim=1).unsqueeze(2) * (s2.float().square() / width)
    grad_z2 = backward(torch.bmm(grad_product.mT, heads), h2, z2, radial)  # [m, B, H]

    # Backward, first layer, by the same rule. grad_h1 = grad_z2 w2^T and h1 w2 = z2 - b2, so
    #   <grad_h1, h1> = <grad_z2, z2> - <grad_z2, b2>.
    # Normalised values do not change when z2 grows, except through EPSILON: <grad_z2, z2> = EPSILON * H * radial.
    radial = EPSILON * width * radial - torch.bmm(grad_z2, b2.mT)
    radial = radial * (s1.float().square() / width)
    grad_h1 = torch.bmm(grad_z2, w2.mT).mul_(s1 * dropout.scale)  # with the factor s1 * d
    grad_z1 = backward(grad_h1, h1, z1, radial)  # [m, B, H]

    # Parameters. For z = x w + b: grad_w = x^T grad_z, grad_b = sum of grad_z over rows. The layers multiply with centred
    # weights; centring is a symmetric projection, so the gradient of the stored weights is the centred gradient.
    grad_gated = centred(summed_over_rows(rows, grad_z1))  # [m, columns, H], by gates * extractor.0.weight
    grad_linear = torch.bmm(grad_y[:, :ACTIONS].to(dtype), rows).float().mT  # [m, columns, 2], by gates * value.linear
    gates = network.gates()  # [m, columns, 1]
    torch.mul(grad_gated, gates, out=gradient["extractor.0.weight"])
    torch.mul(grad_linear, gates, out=gradient["value.linear"])
    # A gate multiplies all columns of its feature in both paths: sum over the width, the outputs, and the columns. It is
    # the stored weight times the prior, hence the prior as a factor.
    by_column = (weight["extractor.0.weight"] * grad_gated).sum(dim=2)
    by_column += (weight["value.linear"] * grad_linear).sum(dim=2)  # [m, columns]
    by_feature = by_column.view(members, -1, network.shape.scales).sum(dim=2)  # [m, features]
    torch.mul(by_feature, network.prior, out=gradient[GATES])
    gradient["extractor.1.weight"].copy_(centred(summed_over_rows(h1, grad_z2)))
    for name, grad_z in (("extractor.0.bias", grad_z1), ("extractor.1.bias", grad_z2)):
        gradient[name].copy_(centred(grad_z.sum(dim=1, keepdim=True).float()))
    # Heads: grad_heads = grad by the product times h2 [m, 2 + horizons, H], grad_bias = sum of grad_y over rows.
    grad_heads, grad_bias = torch.bmm(grad_product, h2).float(), grad_y.sum(dim=2, keepdim=True)
    gradient["value.weight"].copy_(grad_heads[:, :ACTIONS].mT)
    gradient["value.bias"].copy_(grad_bias[:, :ACTIONS].mT)
    horizon_weight, horizon_bias = network.horizon_head_gradients
    horizon_weight.copy_(grad_heads[:, ACTIONS:])
    horizon_bias.copy_(grad_bias[:, ACTIONS:])
    return loss, error[:, :ACTIONS].mean(dim=0)


def summed_over_rows(left: Tensor, right: Tensor) -> Tensor:
    """`left`^T `right` [members, inputs, outputs] float32, of [members, B, inputs] and [members, B, outputs].

    On the CPU the long sum over B is split into one part per thread, where B divides evenly. As one product, a second
    thread makes it 1.6 times as fast; as two parts, 2 times (measured).
    """
    parts = math.gcd(left.shape[1], torch.get_num_threads()) if left.device.type == "cpu" else 1
    return torch.matmul(left.unflatten(1, (parts, -1)).mT, right.unflatten(1, (parts, -1))).float().sum(dim=1)


def forward(inputs: Tensor, weight: Tensor, bias: Tensor, dropout: Dropout) -> tuple[Tensor, Tensor, Tensor]:
    """One hidden layer, layer norm and dropout scale not yet applied to its activations.

    :param inputs: [members, B, inputs]. :param weight: [members, inputs, width], centred as `bias` [members, 1, width] is.
    :return: activations dropout(relu(z)) [members, B, width], z itself, and its layer-norm scale [members, B, 1].
    """
    z = torch.bmm(inputs, weight).add_(bias)
    hidden = torch.relu(z)
    if dropout.threshold:
        hidden.mul_(dropout.mask(hidden))
    return hidden, z, inverse_deviation(z)


def backward(grad_hidden: Tensor, hidden: Tensor, z: Tensor, radial: Tensor) -> Tensor:
    """The gradient by a layer's `z` [members, B, width]; overwrites `grad_hidden`.

    :param grad_hidden: gradient by the activations [members, B, width], scales included. :param hidden: the activations.
    :param radial: [members, B, 1] how much of `z` layer norm takes away.
    """
    # Zero where the activation is zero: below zero before the relu, or dropped.
    torch.ops.aten.threshold_backward.grad_input(grad_hidden, hidden, 0, grad_input=grad_hidden)
    return grad_hidden.addcmul_(z, radial.to(grad_hidden.dtype), value=-1)
