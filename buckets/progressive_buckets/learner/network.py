"""The network: feature gates -> shared extractor -> advantages of long and short over flat, and horizon predictions.

`members` copies with weights of their own live in one tensor each and run as one batched product. Parameter names are
those that knowledge travels by: `gates.*`, `extractor.*`, `value.*` and `horizon.<bars>.*`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from attrs import frozen
from torch.nn.functional import layer_norm, relu

if TYPE_CHECKING:
    from torch import Generator, Tensor

GATES = "gates.weight"
ACTIONS = 2
"""Long and short; flat is the zero that both are measured from."""


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
        start = 0
        for name, sizes in shape.parameters().items():
            stop = start + torch.Size(sizes).numel()
            view = self.flat[start:stop].view(sizes)
            view.grad = self.gradient[start:stop].view(sizes)
            self.parameters[name] = view
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

    def trainable(self, wanted: bool) -> None:
        """Record gradients of the parameters, or stop."""
        for tensor in self.parameters.values():
            tensor.requires_grad_(wanted)

    def decay_mask(self) -> Tensor:
        """1 where weight decay applies (products), 0 for biases and gates; like `flat`."""
        mask = [
            torch.full(torch.Size(sizes), float(name.endswith(("weight", "linear")) and name != GATES)).flatten()
            for name, sizes in self.shape.parameters().items()
        ]
        return torch.cat(mask).to(self.flat.device)

    def extract(self, features: Tensor, drop: float = 0.0, generator: Generator | None = None) -> tuple[Tensor, Tensor]:
        """Gated inputs [members, B, columns] and what the extractor makes of them [members, B, width].

        :param features: [B, columns]. :param drop: share of hidden units dropped (needs `generator`).
        """
        weight = self.parameters
        gates = (weight[GATES] * self.prior).repeat_interleave(self.shape.scales, dim=1)  # [members, columns]
        inputs = features * gates.unsqueeze(1)
        hidden = inputs
        for layer in ("extractor.0", "extractor.1"):
            hidden = torch.baddbmm(weight[f"{layer}.bias"], hidden, weight[f"{layer}.weight"])
            hidden = relu(layer_norm(hidden, hidden.shape[-1:]))
            if drop > 0:
                hidden = hidden * keep_mask(hidden, drop, generator)
        return inputs, hidden

    def advantages(self, inputs: Tensor, hidden: Tensor) -> Tensor:
        """Advantage of long and of short over flat, of every member [members, B, 2]."""
        weight = self.parameters
        linear = torch.bmm(inputs, weight["value.linear"])
        return torch.baddbmm(weight["value.bias"], hidden, weight["value.weight"]) + linear

    def predictions(self, hidden: Tensor) -> Tensor:
        """Predicted outcome at each horizon, of every member [members, B, horizons]."""
        names = [f"horizon.{horizon}" for horizon in self.shape.horizons]
        weight = torch.cat([self.parameters[f"{name}.weight"] for name in names], dim=2)
        bias = torch.cat([self.parameters[f"{name}.bias"] for name in names], dim=2)
        return torch.baddbmm(bias, hidden, weight)

    def state(self) -> Tensor:
        """All weights and the prior as one tensor; a copy."""
        return torch.cat([self.flat.detach(), self.prior])

    @torch.no_grad()
    def load_state(self, state: Tensor) -> None:
        """Overwrite weights and prior with those of `state()`, from a network of the same shape."""
        self.flat.copy_(state[: len(self.flat)])
        self.prior.copy_(state[len(self.flat) :])

    def knowledge(self) -> dict[str, Tensor]:
        """Copies of the weights by name, the prior multiplied into the gates: the same function wherever they land."""
        named = {name: tensor.detach().clone() for name, tensor in self.parameters.items()}
        named[GATES] = named[GATES] * self.prior
        return named

    def copy_from(self, named: dict[str, Tensor]) -> None:
        """Overwrite the parameters that are named, of other networks' `knowledge()`."""
        with torch.no_grad():
            for name, tensor in named.items():
                self.parameters[name].copy_(tensor / self.prior if name == GATES else tensor)


def keep_mask(like: Tensor, drop: float, generator: Generator | None) -> Tensor:
    """Dropout mask, 0 or 1 / (1 - drop), from one random byte an element (drawn eight at a time: 8 times faster)."""
    words = torch.empty((like.numel() + 7) // 8, dtype=torch.int64, device=like.device)
    words.random_(-(2**63), None, generator=generator)
    threshold = round(drop * 256)
    kept = words.view(torch.uint8)[: like.numel()].view(like.shape) >= threshold
    return kept * (256.0 / (256 - threshold))
