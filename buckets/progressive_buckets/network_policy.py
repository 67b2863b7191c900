"""The policy of a learner: positions by the weights of one moment, on any part of a market."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from progressive_buckets.learner.network import Network
from progressive_training.market import positions_of

if TYPE_CHECKING:
    from torch import Tensor

    from progressive_buckets.naturalistic.recall import ContextualMemory
    from progressive_training.market import Part

PARTS_KEPT = 2


class NetworkPolicy:
    """Signed positions of a network and its memory. The weights are copied: later training does not change it.

    The positions on the last few parts are kept, since a transfer asks about the same ones again and again.
    """

    def __init__(self, network: Network, memory: ContextualMemory, costs: Tensor) -> None:
        """:param memory: a copy that nobody trains. :param costs: [3, 3] of `cost_matrix`, in the units in which the network counts."""
        self.network = Network(network.shape, network.flat.device)
        self.network.load_state(network.state())
        self.memory, self.costs = memory, costs
        self._known: list[tuple[Part, Tensor]] = []

    def __call__(self, part: Part) -> Tensor:
        """Positions [N] float64 over the bars of `part`; not a number where the weights are none."""
        for known, held in self._known:
            if known is part:
                return held
        followed = positions_of(self.advantages(part), part.decidable, self.costs, part.absent)
        held = torch.where(torch.isfinite(self.network.flat).all(), followed, torch.nan)
        self._known = [*self._known[1 - PARTS_KEPT :], (part, held)]
        return held

    def advantages(self, part: Part) -> Tensor:
        """Advantage of long and short over flat [N, 2], in units, memory included."""
        own = self.network.advantages(part.features)
        return self.memory.blend(self.network, part.features, own, self.memory.weight)
