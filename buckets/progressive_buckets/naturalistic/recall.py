"""Contextual memory: stores visited market situations with what followed, and recalls it in similar ones.

A situation is represented by its key: the extractor's activations of a bar, all members side by side, as a unit vector.
What followed are the targets of its advantages. Recall is a kernel average over all stored situations, with weights
exp(SHARPNESS * cosine similarity); what it needs of them is prepared once. Its weight against the network's own advantages
is chosen on validation data, and may be 0.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from attrs import frozen
from torch.nn.functional import normalize

from progressive_buckets.learner.network import joined
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

    from progressive_buckets.insight.to_host import Notes, Values
    from progressive_buckets.learner.critic import Critic
    from progressive_buckets.learner.network import Network
    from progressive_training.market import Market, Part

CAPACITY = 256
"""Situations that are stored, at most. Measured on the planted markets, paired over 20 trainings each: with 2,048 the test result is
0.2 points lower on the linear one and 1.0 higher on the context-dependent one, with errors of 1.4 and 1.9, and recall on 200,000
bars takes 1.8 s in place of 0.3."""
SHARPNESS = 20.0
WEIGHTS = (0.0, 0.25, 0.5)
"""Weights of recall to choose from."""
ROWS_AT_ONCE = 1_024
"""Situations that are compared with the stored ones at a time; the intermediate results fit a processor's cache."""
SHORTEST = 1e-12
"""Length of a vector, at least, that is scaled to one of length 1."""
SHOWN = 3
"""Bars whose recall is shown in an episode report."""


def situation(network: Network, features: Tensor) -> Tensor:
    """Keys [N, members x width] of the situations with `features` [N, columns]; unit vectors."""
    return keys_of(network.situations(features))


def keys_of(hidden: Tensor) -> Tensor:
    """Keys [N, members x width] of the activations `hidden` [members, N, width]."""
    return normalize(hidden.transpose(0, 1).flatten(1), dim=1)


@frozen
class Prepared:
    """Stored situations as recall needs them.

    `keys` [members, width, M]: their keys, each member's own part, less their mean, which makes all weights larger by one factor, so
    that products are small and their rounding is too; times SHARPNESS / ln 2, since a power of 2 costs a third of one of e. `sums` [3, M]:
    what followed them, and ones, to add up the weights.
    """

    keys: Tensor
    sums: Tensor


def prepared(keys: Tensor, followed: Tensor, members: int) -> Prepared:
    """`keys` [M, members x width] of situations, and what `followed` [M, 2] them, for `recalled`."""
    scaled = (SHARPNESS / math.log(2) * (keys - keys.mean(dim=0))).unflatten(1, (members, -1))
    sums = torch.cat([followed, torch.ones_like(followed[:, :1])], dim=1).T.contiguous()
    return Prepared(scaled.permute(1, 2, 0), sums)


def recalled(stored: Prepared, hidden: Tensor) -> Tensor:
    """Kernel average [N, 2] of what followed in situations similar to those with the activations `hidden` [members, N, width]."""
    length = torch.linalg.vector_norm(torch.linalg.vector_norm(hidden, dim=2), dim=0).clamp_min_(SHORTEST)
    units = hidden * length.reciprocal_().unsqueeze(1)
    first, *others = zip(units, stored.keys, strict=True)
    similar = torch.mm(*first)  # [N, M]
    for own, keys in others:
        similar.addmm_(own, keys)
    weights = similar.exp2_()  # e^-40 to e^40: no sum of these leaves float32
    sums = torch.mm(stored.sums, weights.T)  # [3, N]
    return (sums[:2] / sums[2]).T


class ContextualMemory:
    """Stored situations, a random sample of the visited ones. Keys are computed anew when the network has changed.

    `bars` [M]: where they were met. `rows` [M, columns]: features there. `followed` [M, 2]: targets of the advantages.
    `keys` [M, d], and `prepared` of them and of `followed`. `weight`: of recall against the network's own advantages, 0 to 1.
    `market_bars`: number of bars of the market.
    """

    def __init__(self, columns: int, device: torch.device | str, market_bars: int = 0) -> None:
        self.market_bars = market_bars
        self.bars = torch.zeros(0, dtype=torch.int64, device=device)
        self.rows = torch.zeros(0, columns, device=device)
        self.followed = torch.zeros(0, 2, device=device)
        self.keys = torch.zeros(0, 0, device=device)
        self.prepared = Prepared(torch.zeros(0, 0, 0, device=device), torch.zeros(3, 0, device=device))
        self.weight = 0.0

    def remember(self, bars: Tensor, visited: Tensor, critic: Critic) -> None:
        """Add a random sample of the `visited` [N] ones of `bars` [N], keep a random `CAPACITY` of all, and `follow`.

        The size of the sample does not depend on how many were visited, so that the host need not wait for that number."""
        generator = critic.generator
        order = torch.randperm(len(bars), generator=generator, device=bars.device)
        first = torch.argsort(~visited[order], stable=True)[: CAPACITY // 8]
        pool = torch.cat([self.bars, bars[order[first]]])
        kept = torch.randperm(len(pool), generator=generator, device=bars.device)[:CAPACITY]
        self.bars = pool[kept]
        self.rows = critic.market.features[self.bars]
        self.follow(critic)

    def follow(self, critic: Critic) -> None:
        """Compute what followed, and the keys, anew with the critic's weights."""
        self.followed = critic.targets(self.bars)
        self.refresh(critic.target)

    def recollect(self, rows: Tensor, followed: Tensor) -> None:
        """Load the situations of a saved model; it does not contain the bars where they were met."""
        self.bars, self.rows, self.followed = self.bars[:0], rows, followed

    def refresh(self, network: Network) -> None:
        """Compute the keys anew with `network`."""
        self.keys = situation(network, self.rows)
        self.prepared = prepared(self.keys, self.followed, network.shape.members)

    def recall(self, network: Network, features: Tensor) -> Tensor:
        """Average [N, 2] of what followed in situations similar to those with `features` [N, columns]."""
        parts = (recalled(self.prepared, network.situations(rows)) for rows in features.split(ROWS_AT_ONCE))
        return joined(parts, len(features), features.device)

    @property
    def silent(self) -> bool:
        """Whether recall has no say: it has no weight, or nothing is stored."""
        return self.weight == 0.0 or len(self.rows) == 0

    def blend(self, network: Network, features: Tensor, advantage: Tensor) -> Tensor:
        """(1 - weight) * `advantage` + weight * recall [N, 2], for advantages that are known already; these alone where it is silent."""
        return advantage if self.silent else torch.lerp(advantage, self.recall(network, features), self.weight)

    def advantages(self, network: Network, features: Tensor) -> Tensor:
        """Advantages [N, 2] of `network` at `features` [N, columns], blended with recall: the activations serve both."""
        if self.silent:
            return network.advantages(features)
        valued = network.valued(features.split(ROWS_AT_ONCE), features.dtype)
        parts = (torch.lerp(own, recalled(self.prepared, hidden), self.weight) for own, hidden in valued)
        return joined(parts, len(features), features.device)

    def examples(self, critic: Critic, bars: Tensor) -> Notes:
        """Examples for `recall_trace`, on the device: the most similar situation to each of `bars` [N], and the recall."""
        if len(self.bars) == 0 or len(bars) == 0:
            return {}
        market = critic.market
        met = critic.target.situations(market.features[bars])
        average = recalled(self.prepared, met)
        similarity, nearest = (keys_of(met) @ self.keys.T).max(dim=1)
        return {
            "bar": bars,
            "recalls": self.bars[nearest],
            "similarity": similarity,
            "long": average[:, 0] * critic.unit,
            "short": average[:, 1] * critic.unit,
        }

    def recall_trace(self, market: Market, values: Values) -> dict[str, Any]:
        """The memory of an episode as JSON values: number of situations, weight of recall, and examples of recall."""
        shown = []
        for bar, recalls, *numbers in zip(*values.values(), strict=True):
            times = {"time": time_text(market.times[int(bar)]), "recalls": time_text(market.times[int(recalls)])}
            shown.append(times | dict(zip(("similarity", "long", "short"), map(float, numbers), strict=True)))
        return {"situations": len(self.bars), "weight": self.weight, "shown": shown}

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
    """The `SHOWN` bars of a part whose recall is reported, evenly spread over those that may be decided on."""
    bars = part.bars[part.decidable]
    return bars[:: max(1, len(bars) // SHOWN)][:SHOWN]
