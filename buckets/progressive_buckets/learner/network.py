"""The network: feature gates -> shared extractor -> advantages of long and short over flat, and horizon predictions.

An ensemble: each parameter is one tensor with `members` in front, so that all members run as one batched product. A
transfer matches parameters by name: `gates.*`, `extractor.*`, `value.*` and `horizon.<bars>.*`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from attrs import frozen

from progressive_buckets.learner.fused.compiled import activated, hidden_of, multiplies, usable_for, values_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from ctypes import CDLL

    from torch import Generator, Tensor

    Layer = tuple[Tensor, Tensor]
    """Weight and bias."""

GATES = "gates.weight"
ACTIONS = 2
"""Long and short. Flat needs no output: its advantage over itself is 0."""
EPSILON = 1e-5
"""Added to the variance in layer normalisation."""
ROWS_AT_ONCE = 2_048
"""Observations that a network computes at a time, to bound the memory of its activations. Of 512 to 8,192, the smallest
number that is not slower."""


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

    With one flat tensor an optimiser step, an update of the target network and a copy are one operation each.

    `flat`, `gradient` [size]. `parameters`, `gradients`: their views by name. `prior` [features]: a fixed factor of the
    gates, from the importance of features; it is not trained.
    """

    def __init__(self, shape: Shape, device: torch.device | str) -> None:
        self.shape = shape
        self.flat = torch.zeros(shape.size, device=device)
        self.gradient = torch.zeros_like(self.flat)
        self.prior = torch.ones(shape.features, device=device)
        self.parameters = self.named(self.flat)
        self.gradients = self.named(self.gradient)
        self.horizon_heads = self.horizon_heads_of(self.flat)
        self.horizon_head_gradients = self.horizon_heads_of(self.gradient)

    def named(self, flat: Tensor) -> dict[str, Tensor]:
        """Views of `flat` [size], the parameters or their gradient, by name."""
        shapes = self.shape.parameters()
        parts = flat.split([torch.Size(sizes).numel() for sizes in shapes.values()])
        return {name: part.view(sizes) for (name, sizes), part in zip(shapes.items(), parts, strict=True)}

    def horizon_heads_of(self, flat: Tensor) -> Layer:
        """Views of all horizons' weights [members, horizons, width] and biases [members, horizons, 1] in `flat` [size]."""
        members, width, count = self.shape.members, self.shape.width, len(self.shape.horizons)
        apart = members * (width + 1)  # one horizon's weights, then its biases
        last = flat[self.shape.size - count * apart :]
        start = last.storage_offset()
        weight = last.as_strided((members, count, width), (width, apart, 1), start)
        return weight, last.as_strided((members, count, 1), (1, apart, 1), start + members * width)

    def initialise(self, generator: Generator) -> None:
        """Draw fresh weights: gates 1, hidden layers normal with variance 2 / inputs (He et al. 2015), heads and biases 0.
        An untrained agent thus stays flat."""
        for name, tensor in self.parameters.items():
            if name == GATES:
                tensor.fill_(1.0)
            elif name.startswith("extractor.") and name.endswith("weight"):
                tensor.normal_(0.0, (2.0 / tensor.shape[1]) ** 0.5, generator=generator)
            else:
                tensor.zero_()

    def decay_mask(self) -> Tensor:
        """1 for the weights that decay, 0 for biases and gates; [size]."""
        mask = [
            torch.full(torch.Size(sizes), float(name.endswith(("weight", "linear")) and name != GATES)).flatten()
            for name, sizes in self.shape.parameters().items()
        ]
        return torch.cat(mask).to(self.flat.device)

    def gates(self) -> Tensor:
        """The factor of each column [members, columns, 1]: its feature's gate times the prior."""
        gates = self.parameters[GATES] * self.prior  # [members, features]
        return gates.unsqueeze(2).expand(-1, -1, self.shape.scales).flatten(1).unsqueeze(2)

    def layers(self, dtype: torch.dtype) -> list[Layer]:
        """Weight [members, inputs, width] and bias [members, 1, width] of both hidden layers, in the precision `dtype`:
        the gates multiplied into the first, and centred (see `inverse_deviation`)."""
        weight = self.parameters
        first = self.gates() * weight["extractor.0.weight"]
        pairs = ((first, weight["extractor.0.bias"]), (weight["extractor.1.weight"], weight["extractor.1.bias"]))
        return [(centred(matrix).to(dtype), centred(bias).to(dtype)) for matrix, bias in pairs]

    def linear(self, dtype: torch.dtype) -> Tensor:
        """Weights of the linear path from inputs to advantages [members, 2, columns], the gates multiplied in."""
        # Transposed: with few outputs and many rows, W^T X^T is up to ten times faster than X W.
        return (self.gates() * self.parameters["value.linear"]).mT.to(dtype).contiguous()

    def heads(self) -> Layer:
        """Weights [members, 2 + horizons, width] and biases [members, 2 + horizons, 1] of values and predictions."""
        weight, bias = self.horizon_heads
        values = self.parameters["value.weight"].mT, self.parameters["value.bias"].mT
        return torch.cat([values[0], weight], dim=1), torch.cat([values[1], bias], dim=1)

    def hidden(self, features: Tensor, layers: list[Layer]) -> Tensor:
        """Activations of the second of `layers` for `features` [B, columns]: [members, B, width], in their precision."""
        passes = self._multiplying(features.dtype)
        if passes is not None:
            return hidden_of(passes, features, layers, EPSILON)
        library = usable_for(self.flat, self.shape.width)
        hidden = features.expand(self.shape.members, *features.shape)
        for weight, bias in layers:
            outputs = torch.bmm(hidden, weight)
            if library is not None:
                hidden = activated(library, outputs, bias, EPSILON)
                continue
            outputs.add_(bias)  # baddbmm would first write the bias everywhere
            scale = inverse_deviation(outputs)
            hidden = outputs.relu_().mul_(scale)
        return hidden

    def _multiplying(self, dtype: torch.dtype) -> CDLL | None:
        """The compiled passes where they also multiply, which they do over bars in float32 alone."""
        library = usable_for(self.flat, self.shape.width) if dtype == torch.float32 else None
        return library if library is not None and multiplies(library, dtype) else None

    def situations(self, features: Tensor) -> Tensor:
        """The extractor's activations [members, B, width] for `features` [B, columns]."""
        return self.hidden(features, self.layers(features.dtype))

    def advantages(self, features: Tensor) -> Tensor:
        """Advantages of long and short over flat [B, 2] for `features` [B, columns]: the mean over members.

        Computed in the precision of `features`, returned in float32.
        """
        return self.advantages_of(features.split(ROWS_AT_ONCE), len(features), features.dtype)

    def value_layer(self, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
        """Of the advantages in the precision `dtype`: the linear path [2, columns], weights [members, 2, width] and bias [1, 2] in float32."""
        linear = self.linear(torch.float32).mean(dim=0).to(dtype)
        weight = self.parameters["value.weight"].mT.to(dtype).contiguous()
        return linear, weight, self.parameters["value.bias"].mean(dim=0)

    def advantages_of(self, parts: Iterable[Tensor], count: int, dtype: torch.dtype) -> Tensor:
        """As `advantages` [count, 2], for `count` observations that come in `parts` [B, columns]."""
        return joined((advantages for advantages, _ in self.valued(parts, dtype)), count, self.flat.device)

    def valued(self, parts: Iterable[Tensor], dtype: torch.dtype) -> Iterator[tuple[Tensor, Tensor]]:
        """Of each of the `parts` [B, columns] the advantages [B, 2], and the extractor's activations [members, B, width]."""
        layers, (linear, weight, bias) = self.layers(dtype), self.value_layer(dtype)
        passes = self._multiplying(dtype)
        for part in parts:
            # Rows of the market's table overlap in memory: copy them once for all products.
            features = part.contiguous()
            hidden = self.hidden(features, layers)
            if passes is not None:
                yield values_of(passes, features, hidden, (linear, weight, bias)), hidden
                continue
            outputs = torch.bmm(weight, hidden.mT).float().mean(dim=0)  # [2, B]
            outputs += torch.mm(linear, features.mT)
            yield outputs.mT + bias, hidden

    def predictions(self, features: Tensor) -> Tensor:
        """Predicted outcome at each horizon [B, horizons] for `features` [B, columns]: the mean over members."""
        weight, bias = self.horizon_heads
        return (torch.bmm(weight, self.situations(features).mT) + bias).mean(dim=0).mT

    def state(self) -> Tensor:
        """All weights and the prior as one tensor [size + features]; a copy."""
        return torch.cat([self.flat, self.prior])

    def load_state(self, state: Tensor) -> None:
        """Overwrite weights and prior with a `state` [size + features] of a network of the same shape."""
        self.flat.copy_(state[: len(self.flat)])
        self.prior.copy_(state[len(self.flat) :])

    def knowledge(self) -> dict[str, Tensor]:
        """Copies of the weights by name, the prior multiplied into the gates: they give the same function in a network
        with another prior."""
        named = {name: tensor.clone() for name, tensor in self.parameters.items()}
        named[GATES] = named[GATES] * self.prior
        return named

    @torch.no_grad()
    def copy_from(self, named: dict[str, Tensor]) -> None:
        """Overwrite the named parameters with those of another network's `knowledge()`; no autograd graph is kept."""
        for name, tensor in named.items():
            self.parameters[name].copy_(tensor / self.prior if name == GATES else tensor)


def joined(parts: Iterable[Tensor], count: int, device: torch.device) -> Tensor:
    """Advantages [count, 2] that come in `parts` [B, 2].

    Each part is written into the result at once. Collected in a list, the parts fragment the memory: 500 MB more for
    a million rows.
    """
    advantages = torch.empty(count, ACTIONS, device=device)
    start = 0
    for part in parts:
        advantages[start : start + len(part)] = part
        start += len(part)
    return advantages


def centred(weight: Tensor) -> Tensor:
    """`weight` [members, inputs, width] less its mean over the width; outputs of such weights have mean 0."""
    return weight - weight.mean(dim=2, keepdim=True)


def inverse_deviation(outputs: Tensor) -> Tensor:
    """1 / sqrt(variance + EPSILON) [members, B, 1] of `outputs` [members, B, width] with mean 0, in their precision.

    Layer normalisation (Ba, Kiros and Hinton 2016) with gain 1 and bias 0: `centred` weights make the mean 0 without a
    pass over the outputs, and this is the scale.
    """
    length = torch.linalg.vector_norm(outputs, dim=2, keepdim=True).float()
    return length.square_().div_(outputs.shape[2]).add_(EPSILON).rsqrt_().to(outputs.dtype)
