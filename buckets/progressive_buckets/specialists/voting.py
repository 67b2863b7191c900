"""Plain network and specialists as one policy: the mean of their advantages decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from progressive_buckets.recent_parts import RecentParts
from progressive_buckets.specialists.gating import gated_part
from progressive_training.market import positions_of

if TYPE_CHECKING:
    from torch import Tensor

    from progressive_buckets.network_policy import NetworkPolicy
    from progressive_training.market import Part

PARTS_KEPT = 3
"""Parts on which inputs for specialists and positions are kept, since the same ones are asked about again and again."""


class SeenBySpecialists:
    """Makes a part of the market as specialists see it, and keeps those made last. `known`: parts, and what they see there."""

    def __init__(self, known: list[tuple[Part, Part]]) -> None:
        self._first = known
        self._last: RecentParts[Part] = RecentParts(PARTS_KEPT)

    def __call__(self, part: Part) -> Part:
        """The same bars with the specialists' inputs."""
        for own, wide in self._first:
            if own is part:
                return wide
        return self._last.get(part, gated_part)


class VotingPolicy:
    """Signed positions by the mean of the advantages of a `plain` policy and of the specialists' one, `gated`.

    Both count in the same units. Averaging costs nothing where the market does not turn with its regimes, while specialists alone lose there.
    """

    def __init__(self, plain: NetworkPolicy, gated: NetworkPolicy, seen: SeenBySpecialists) -> None:
        self.plain, self.gated, self._seen = plain, gated, seen
        self._known: RecentParts[Tensor] = RecentParts(PARTS_KEPT)

    def __call__(self, part: Part) -> Tensor:
        """Positions [N] float64 over the bars of `part`; not a number where the weights are none."""
        return self._known.get(part, self._positions)

    def _positions(self, part: Part) -> Tensor:
        advantages = self.advantages(part)
        followed = positions_of(advantages, part.decidable, self.plain.costs, part.absent)
        return torch.where(advantages.isfinite().all(), followed, torch.nan)

    def advantages(self, part: Part) -> Tensor:
        """Advantage of long and short over flat [N, 2], in units, memories included."""
        return (self.plain.advantages(part) + self.gated.advantages(self._seen(part))) / 2
