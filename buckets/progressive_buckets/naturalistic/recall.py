"""Contextual memory: market situations that were met, what followed, and recall when a similar one comes.

A situation is what the extractor makes of a bar (members side by side, as a unit vector); what followed are the
targets of its advantages. Recall is a kernel average over all situations kept, sharp in the cosine of the angle. How
much it may say beside the network is chosen on validation data, and may be nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import normalize

from progressive_buckets.naturalistic.lessons import time_text
from progressive_buckets.state_checks import (
    checked_bars,
    checked_length,
    checked_number,
    checked_tensor,
    misfit,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from progressive_buckets.learner.critic import Critic
    from progressive_buckets.learner.network import Network
    from progressive_buckets.learner.to_host import Notes, Values
    from progressive_training.market import Market, Part

CAPACITY = 2048
SHARPNESS = 20.0
WEIGHTS = (0.0, 0.25, 0.5)
ROWS_AT_ONCE = 1_024
"""Situations compared with all that are kept at a time: what is computed of them stays in a processor's cache."""
SHOWN = 3


def situation(network: Network, features: Tensor) -> Tensor:
    """Unit vectors [N, members x width] of the situations that `features` [N, columns] describe."""
    hidden = network.situations(features)  # [members, N, width]
    return normalize(hidden.transpose(0, 1).flatten(1), dim=1)


def recalled(keys: Tensor, followed: Tensor, queries: Tensor) -> Tensor:
    """What followed in similar situations: the kernel average [N, 2].

    :param keys: [M, d] situations kept, unit vectors as the queries are. :param followed: [M, 2] what followed them.
    :param queries: [N, d].
    """
    counted = torch.cat([followed, torch.ones_like(followed[:, :1])], dim=1).T.contiguous()  # [3, M]
    similar = torch.mm(queries, SHARPNESS * keys.T).exp_()  # [N, M], at most e^20: no sum of these leaves float32
    sums = torch.mm(counted, similar.T)  # [3, N]
    return (sums[:2] / sums[2]).T


class ContextualMemory:
    """Situations kept, drawn evenly from those visited; their keys are made anew whenever the network has changed.

    `bars` [M] are where they were met, `rows` [M, columns] what was seen there, `followed` [M, 2] what came, `keys`
    [M, d] how they are recognised; `weight` is the say of recall beside the network. `market_bars` is the number of
    bars of the market they are of.
    """

    def __init__(self, columns: int, device: torch.device | str, market_bars: int = 0) -> None:
        self.market_bars = market_bars
        self.bars = torch.zeros(0, dtype=torch.int64, device=device)
        self.rows = torch.zeros(0, columns, device=device)
        self.followed = torch.zeros(0, 2, device=device)
        self.keys = torch.zeros(0, 0, device=device)
        self.weight = 0.0

    def remember(self, bars: Tensor, visited: Tensor, critic: Critic) -> None:
        """Keep a sample of all `bars` [N] offered so far where `visited` [N], and renew what followed with the critic's
        weights. How many are offered does not depend on how many were visited, so that nothing waits to learn it."""
        generator = critic.generator
        order = torch.randperm(len(bars), generator=generator, device=bars.device)
        first = torch.argsort(~visited[order], stable=True)[: CAPACITY // 8]
        pool = torch.cat([self.bars, bars[order[first]]])
        kept = torch.randperm(len(pool), generator=generator, device=bars.device)[:CAPACITY]
        self.bars = pool[kept]
        self.rows = critic.market.features[self.bars]
        self.follow(critic)

    def follow(self, critic: Critic) -> None:
        """Renew what followed, and the keys, with the critic's weights."""
        self.followed = critic.targets(self.bars)
        self.refresh(critic.target)

    def recollect(self, rows: Tensor, followed: Tensor) -> None:
        """Take over the situations of a saved model; where they were met is not known any more."""
        self.bars, self.rows, self.followed = self.bars[:0], rows, followed

    def refresh(self, network: Network) -> None:
        """Make the keys anew for `network`."""
        self.keys = situation(network, self.rows)

    def recall(self, network: Network, features: Tensor) -> Tensor:
        """What followed in situations like those that `features` [N, columns] describe [N, 2]."""
        parts = [recalled(self.keys, self.followed, situation(network, rows)) for rows in features.split(ROWS_AT_ONCE)]
        return torch.cat(parts)

    def blend(self, network: Network, features: Tensor, advantage: Tensor, weight: float) -> Tensor:
        """`advantage` [N, 2] with the share `weight` of it taken from recall."""
        if weight == 0.0 or len(self.rows) == 0:
            return advantage
        return torch.lerp(advantage, self.recall(network, features), weight)

    def notes(self, critic: Critic, bars: Tensor) -> Notes:
        """What a few `bars` recall, with their similarity, for `told`."""
        if len(self.bars) == 0 or len(bars) == 0:
            return {}
        market = critic.market
        met = situation(critic.target, market.features[bars])
        average = recalled(self.keys, self.followed, met)
        similarity, nearest = (met @ self.keys.T).max(dim=1)
        return {
            "bar": bars,
            "recalls": self.bars[nearest],
            "similarity": similarity,
            "long": average[:, 0] * critic.unit,
            "short": average[:, 1] * critic.unit,
        }

    def told(self, market: Market, read: Values) -> dict[str, Any]:
        """The trace of an episode, for a person to look at: how many situations, what their say is, and a few recalled."""
        told = []
        for bar, recalls, *numbers in zip(*read.values(), strict=True):
            times = {"time": time_text(market.times[int(bar)]), "recalls": time_text(market.times[int(recalls)])}
            told.append(times | dict(zip(("similarity", "long", "short"), map(float, numbers), strict=True)))
        return {"situations": len(self.bars), "weight": self.weight, "told": told}

    def state_dict(self) -> dict[str, Any]:
        """The situations and the weight of recall; the keys follow from the network (see `refresh`)."""
        return {"bars": self.bars, "rows": self.rows, "followed": self.followed, "weight": self.weight}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Return to a state of `state_dict()`; call `refresh` then.

        :raise ValueError: something does not fit; nothing is then changed.
        """
        count = checked_length(state, "rows")
        known = min(count, checked_length(state, "bars"))
        if known not in (0, count):  # of a loaded model's situations it is not known where they were met
            raise misfit("bars")
        bars = checked_bars(state, "bars", known, self.market_bars)
        rows = checked_tensor(state, "rows", (count, self.rows.shape[1]), self.rows.dtype)
        followed = checked_tensor(state, "followed", (count, 2), self.followed.dtype)
        weight = checked_number(state, "weight", 0.0, 1.0)
        device = self.bars.device
        self.bars, self.rows, self.followed = (part.to(device, copy=True) for part in (bars, rows, followed))
        self.weight = weight


def shown_bars(part: Part) -> Tensor:
    """A few bars of a part, evenly spread over those that may be decided on, whose recall is shown."""
    bars = part.start + torch.nonzero(part.decidable).flatten()
    return bars[:: max(1, len(bars) // SHOWN)][:SHOWN]
