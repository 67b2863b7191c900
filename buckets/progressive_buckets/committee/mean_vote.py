"""The vote: the mean of what each member expects of long and short over flat, counted in its own cost of one side of a trade.

A member that demands more of a trade than it costs, as slow buckets do, counts in what it demands. So one vote of 1 is worth entering
a trade to whoever gives it, and the mean of all is followed at a cost of 1. Where trades cost nothing, a vote is in deviations of one
bar's reward. Nothing is trained.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from attrs import evolve, field, frozen

from progressive_buckets.recent_parts import RecentParts
from progressive_training import ModelError
from progressive_training.market import Scaler, cost_matrix, positions_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from progressive_training import Model
    from progressive_training.market import Costs, Market, MarketCard, Part

PARTS_KEPT = 3


class Voter(Protocol):
    """What the `voter(model, where)` of a bucket returns, whose models vote: its `card` names its features in their order, with the scaler."""

    card: MarketCard

    def votes(self, part: Part) -> Tensor:
        """Advantage of long and short over flat [N, 2] on the bars of `part`, whose features are standardised as its card says: in its
        own costs of one side of a trade, or in deviations of one bar's reward where that costs nothing."""


@frozen(eq=False)
class Member:
    """One member: its `voter`, the `model` that it was made of, and how the committee's features become its own: `columns` [C'] of
    the committee's, times `factor` [C'], plus `shift` [C']."""

    name: str
    voter: Voter
    model: Model
    columns: Tensor
    factor: Tensor
    shift: Tensor

    def votes(self, part: Part) -> Tensor:
        """Its votes [N, 2] on a `part` of the committee's market."""
        own = part.features[:, self.columns] * self.factor + self.shift
        return self.voter.votes(evolve(part, features=own.clamp(-Scaler.LIMIT, Scaler.LIMIT)))


def member_of(name: str, voter: Voter, model: Model, names: Sequence[str], scaler: Scaler) -> Member:
    """A member of a committee whose features are `names`, standardised by `scaler`.

    :raise ModelError: it was trained on a column that is not among them.
    """
    card = voter.card
    if missing := [column for column in card.features if column not in names]:
        raise ModelError(f"{name} does not vote: it was trained on {', '.join(missing)}, which these bars lack")
    scales = len(card.scales)
    columns = np.concatenate([names.index(feature) * scales + np.arange(scales) for feature in card.features])
    mean, deviation = (np.array(each) for each in (card.scaler.mean, card.scaler.deviation))
    factor, shift = scaler.deviation[columns] / deviation, (scaler.mean[columns] - mean) / deviation
    made = (torch.from_numpy(each.astype(np.float32)) for each in (factor, shift))
    return Member(name, voter, model, torch.from_numpy(columns), *made)


def mean_vote(members: Sequence[Member], part: Part) -> Tensor:
    """The mean of the members' votes [N, 2] on the bars of `part`."""
    return torch.stack([member.votes(part) for member in members]).mean(dim=0)


def vote_costs(costs: Costs, device: torch.device) -> Tensor:
    """Costs of a change of position [from, to] [3, 3] in the unit of a vote."""
    _, one, two = costs.table()
    return cost_matrix((0.0, 1.0, two / one) if one else (0.0, 0.0, 0.0), device, costs.allowed)


@frozen(eq=False)
class CommitteePolicy:
    """What `members` decide together, on any part of a market with these `costs`. The positions on the last few parts are kept."""

    members: tuple[Member, ...]
    costs: Tensor
    _known: RecentParts[Tensor] = field(factory=partial(RecentParts, PARTS_KEPT), init=False)

    @classmethod
    def on(cls, market: Market, members: Sequence[Member]) -> CommitteePolicy:
        """The policy at the costs of `market`."""
        return cls(tuple(members), vote_costs(market.costs, market.device))

    def __call__(self, part: Part) -> Tensor:
        """Positions [N] float64 over the bars of `part`."""
        return self._known.get(part, self._positions)

    def _positions(self, part: Part) -> Tensor:
        return positions_of(mean_vote(self.members, part), part.decidable, self.costs, part.absent)

    def alone(self) -> tuple[CommitteePolicy, ...]:
        """What each member would decide by its own vote."""
        return tuple(evolve(self, members=(member,)) for member in self.members)
