"""The network of a saved model: what is computed of its weights alone is kept, and the activations of the bar asked about last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from progressive_buckets.learner.network import Network, Shape

if TYPE_CHECKING:
    from torch import Tensor

    from progressive_buckets.learner.network import Layer


class ServedNetwork(Network):
    """Gives the same as a `Network`, sooner where it is asked again. Once asked, its weights may not change any more."""

    def __init__(self, shape: Shape, device: torch.device | str) -> None:
        super().__init__(shape, device)
        self._layers: dict[torch.dtype, list[Layer]] = {}
        self._value_layer: dict[torch.dtype, tuple[Tensor, Tensor, Tensor]] = {}
        self._asked: tuple[Tensor, Tensor] | None = None  # features [1, columns], and their activations

    def layers(self, dtype: torch.dtype) -> list[Layer]:
        if dtype not in self._layers:
            self._layers[dtype] = super().layers(dtype)
        return self._layers[dtype]

    def value_layer(self, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
        if dtype not in self._value_layer:
            self._value_layer[dtype] = super().value_layer(dtype)
        return self._value_layer[dtype]

    def hidden(self, features: Tensor, layers: list[Layer]) -> Tensor:
        """As there. Of a single bar, values, predictions and recall each ask for the same activations."""
        if len(features) > 1 or layers is not self._layers.get(features.dtype):
            return super().hidden(features, layers)
        asked = self._asked  # another thread may ask meanwhile
        if asked is None or not torch.equal(asked[0], features):
            asked = self._asked = features.clone(), super().hidden(features, layers)
        return asked[1]
