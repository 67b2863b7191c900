"""The policy of a learner: positions by the weights of one moment, on any part of a market."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

import torch

from progressive_buckets.learner.network import Network
from progressive_buckets.recent_parts import RecentParts
from progressive_training.market import positions_of

if TYPE_CHECKING:
    from torch import Tensor

    from progressive_buckets.naturalistic.recall import ContextualMemory
    from progressive_training.market import Part

PARTS_KEPT = 2
MOST_ROWS = 16_384
"""Of a part whose advantages are kept for policies of the same weights: those on which every choice is scored."""


class NetworkPolicy:
    """Signed positions of a network and its memory. The weights are copied: later training does not change it.

    The positions on the last few parts are kept, since a transfer asks about the same ones again and again.
    """

    def __init__(self, network: Network, memory: ContextualMemory, costs: Tensor) -> None:
        """:param memory: a copy that nobody trains. :param costs: [3, 3] of `cost_matrix`, in the units in which the network counts."""
        self.network = Network(network.shape, network.flat.device)
        self.network.load_state(network.state())
        self.memory, self.costs = memory, costs
        self._known: RecentParts[Tensor] = RecentParts(PARTS_KEPT)
        self._own: list[tuple[Part, Tensor]] = []

    def recalling(self, memory: ContextualMemory) -> NetworkPolicy:
        """The policy of the same weights with another `memory`, a copy that nobody trains."""
        other = copy(self)
        other.memory, other._known = memory, RecentParts(PARTS_KEPT)
        return other

    def __call__(self, part: Part) -> Tensor:
        """Positions [N] float64 over the bars of `part`; not a number where the weights are none."""
        return self._known.get(part, self._positions)

    def _positions(self, part: Part) -> Tensor:
        followed = positions_of(self.advantages(part), part.decidable, self.costs, part.absent)
        return torch.where(torch.isfinite(self.network.flat).all(), followed, torch.nan)

    def advantages(self, part: Part) -> Tensor:
        """Advantage of long and short over flat [N, 2], in units, memory included."""
        if len(part) > MOST_ROWS:
            return self.memory.advantages(self.network, part.features)
        return self.memory.blend(self.network, part.features, self._own_advantages(part))

    def _own_advantages(self, part: Part) -> Tensor:
        for known, advantages in self._own:
            if known.features is part.features:  # also of one who trades in some regimes of these bars alone
                return advantages
        advantages = self.network.advantages(part.features)
        self._own[:] = [(part, advantages)]  # of all policies of these weights
        return advantages
