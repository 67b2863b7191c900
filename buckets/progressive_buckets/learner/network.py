"""The network: feature gates -> shared extractor -> advantages of long and short over flat, and horizon predictions.

`members` copies with weights of their own live in one tensor each and run as one batched product. Parameter names are
those that knowledge travels by: `gates.*`, `extractor.*`, `value.*` and `horizon.<bars>.*`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from attrs import frozen
from torch import relu

if TYPE_CHECKING:
    from torch import Generator, Tensor

GATES = "gates.weight"
ACTIONS = 2
"""Long and short; flat is the zero that both are measured from."""
EPSILON = 1e-5
"""Added to the variance in layer normalisation."""


@frozen
class Shape:
    """Sizes of a network: raw `features`, `scales` columns of each, `width` of a hidden layer, `members`."""

    features: int
    scales: int
    width: int
    members: int
    horizons: tuple[int, ...]

    def parameters(self) -> dict[str, tuple[int, ...]]:
        """Shape of every parameter by name, in the order they are stored."""
        columns, width, members = self.features * self.scales, self.width, self.members
        shapes: dict[str, tuple[int, ...]] = {
            GATES: (members, self.features),
            "extractor.0.weight": (members, columns, width),
            "extractor.0.bias": (members, 1, width),
            "extractor.1.weight": (members, width, width),
            "extractor.1.bias": (members, 1, width),
            "value.linear": (members, columns, ACTIONS),
            "value.weight": (members, width, ACTIONS),
            "value.bias": (members, 1, ACTIONS),
        }
        for horizon in self.horizons:
            shapes[f"horizon.{horizon}.weight"] = (members, width, 1)
            shapes[f"horizon.{horizon}.bias"] = (members, 1, 1)
        return shapes

    @property
    def size(self) -> int:
        """Number of parameters of all members together."""
        return sum(torch.Size(shape).numel() for shape in self.parameters().values())


class Network:
    """Parameters in one flat tensor, named views into it, and the forward pass.

    One flat tensor makes the optimiser, the target network and a snapshot one operation each.
    """

    def __init__(self, shape: Shape, device: torch.device | str) -> None:
        self.shape = shape
        self.flat = torch.zeros(shape.size, device=device)
        self.gradient = torch.zeros_like(self.flat)
        self.prior = torch.ones(shape.features, device=device)
        self.parameters: dict[str, Tensor] = {}
        self.gradients: dict[str, Tensor] = {}
        start = 0
        for name, sizes in shape.parameters().items():
            stop = start + torch.Size(sizes).numel()
            self.parameters[name] = self.flat[start:stop].view(sizes)
            self.gradients[name] = self.gradient[start:stop].view(sizes)
            start = stop

    def initialise(self, generator: Generator) -> None:
        """Draw fresh weights: gates at one, hidden layers by He's rule, every head at zero (an untrained agent is flat)."""
        for name, tensor in self.parameters.items():
            if name == GATES:
                tensor.fill_(1.0)
            elif name.startswith("extractor.") and name.endswith("weight"):
                tensor.normal_(0.0, (2.0 / tensor.shape[1]) ** 0.5, generator=generator)
            else:
                tensor.zero_()

    def decay_mask(self) -> Tensor:
        """1 where weight decay applies (products), 0 for biases and gates; like `flat`."""
        mask = [
            torch.full(torch.Size(sizes), float(name.endswith(("weight", "linear")) and name != GATES)).flatten()
            for name, sizes in self.shape.parameters().items()
        ]
        return torch.cat(mask).to(self.flat.device)

    def gates(self) -> Tensor:
        """What each column is multiplied by [members, columns, 1]."""
        gates = self.parameters[GATES] * self.prior  # [members, features]
        return gates.repeat_interleave(self.shape.scales, dim=1).unsqueeze(2)

    def layers(self) -> list[tuple[Tensor, Tensor]]:
        """Weight and bias of each hidden layer as `hidden_layer` takes them: gates multiplied in, centred."""
        weight = self.parameters
        first = self.gates() * weight["extractor.0.weight"]
        return [
            (centred(first), centred(weight["extractor.0.bias"])),
            (centred(weight["extractor.1.weight"]), centred(weight["extractor.1.bias"])),
        ]

    def hidden(self, features: Tensor) -> Tensor:
        """What the extractor makes of `features` [B, columns]: [members, B, width], in the precision of `features`."""
        hidden = features.expand(self.shape.members, *features.shape)
        for weight, bias in self.layers():
            outputs = torch.baddbmm(bias.to(hidden.dtype), hidden, weight.to(hidden.dtype))
            hidden = relu(outputs).mul_(inverse_deviation(outputs))
        return hidden

    def advantages(self, features: Tensor) -> Tensor:
        """Advantage of long and short over flat [B, 2] of `features` [B, columns]: the members' mean.

        In bfloat16 where `features` are; the answer is float32.
        """
        weight, dtype = self.parameters, features.dtype
        linear = (self.gates() * weight["value.linear"]).mean(dim=0)  # [columns, 2]
        value = weight["value.weight"].mT.to(dtype).contiguous()  # [members, 2, width]
        # Few outputs for many rows: computed the other way round, matrix products are up to ten times faster.
        outputs = torch.bmm(value, self.hidden(features).mT).float().mean(dim=0)  # [2, B]
        outputs += torch.mm(linear.mT.to(dtype).contiguous(), features.mT)
        return outputs.add_(weight["value.bias"].mean(dim=0).mT).mT

    def predictions(self, features: Tensor) -> Tensor:
        """Predicted outcome at each horizon [B, horizons] of `features` [B, columns]: the members' mean."""
        weight, bias = self.horizon_heads()
        return (torch.bmm(weight, self.hidden(features).mT) + bias).mean(dim=0).mT

    def horizon_heads(self) -> tuple[Tensor, Tensor]:
        """Weights [members, horizons, width] and biases [members, horizons, 1] of the horizon predictions."""
        names = [f"horizon.{horizon}" for horizon in self.shape.horizons]
        weight = torch.cat([self.parameters[f"{name}.weight"] for name in names], dim=2)
        return weight.mT.contiguous(), torch.cat([self.parameters[f"{name}.bias"] for name in names], dim=1)

    def state(self) -> Tensor:
        """All weights and the prior as one tensor; a copy."""
        return torch.cat([self.flat, self.prior])

    def load_state(self, state: Tensor) -> None:
        """Overwrite weights and prior with those of `state()`, from a network of the same shape."""
        self.flat.copy_(state[: len(self.flat)])
        self.prior.copy_(state[len(self.flat) :])

    def knowledge(self) -> dict[str, Tensor]:
        """Copies of the weights by name, the prior multiplied into the gates: the same function wherever they land."""
        named = {name: tensor.clone() for name, tensor in self.parameters.items()}
        named[GATES] = named[GATES] * self.prior
        return named

    @torch.no_grad()
    def copy_from(self, named: dict[str, Tensor]) -> None:
        """Overwrite the parameters that are named, of other networks' `knowledge()`, without the graphs they may carry."""
        for name, tensor in named.items():
            self.parameters[name].copy_(tensor / self.prior if name == GATES else tensor)


def centred(weight: Tensor) -> Tensor:
    """`weight` [members, inputs, width] less its mean over the width, so that what it gives has mean 0 there."""
    return weight - weight.mean(dim=2, keepdim=True)


def inverse_deviation(outputs: Tensor) -> Tensor:
    """1 / deviation [members, B, 1] of centred `outputs` [members, B, width], in their precision.

    With `centred` weights this is layer normalisation (Ba, Kiros and Hinton 2016) in fewer passes over the data.
    """
    length = torch.linalg.vector_norm(outputs, dim=2, keepdim=True).float()
    return length.square_().div_(outputs.shape[2]).add_(EPSILON).rsqrt_().to(outputs.dtype)
