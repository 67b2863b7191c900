"""The learning step: sampled bars, their targets, one gradient. The hot loop of a training run, top to bottom."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from attrs import frozen

from progressive_buckets.learner.compute import in_precision
from progressive_buckets.learner.gradient import Batch, Dropout, loss_and_gradient, shares_of
from progressive_buckets.learner.network import ROWS_AT_ONCE, Network, Shape
from progressive_buckets.learner.optimiser import Adam
from progressive_buckets.learner.state import below_prefix, with_prefix
from progressive_buckets.learner.targets import sweep
from progressive_buckets.state_checks import checked_like
from progressive_training.market import cost_matrix

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Generator, Tensor

    from progressive_buckets.naturalistic.replay import Replay
    from progressive_training.market import Costs, Market

ROUND = 20
"""Gradient steps between two looks at what the target network says: it moves little in so few."""
PASSES = 2
"""How often a round goes through its bars, each time with others dropped: targets cost a third of a step."""


@frozen
class Hyper:
    """How a critic learns.

    `discount` of the gain of one bar later. `width` and `members` of the network. `trace` is the lambda of the targets,
    which look `lookahead` bars ahead. `tracking` is the share by which the target network follows at each step. `drop`
    is the dropout, `decay` the weight decay. `auxiliary` is the weight of the horizon predictions in the loss.
    `holding` is a cost per bar of any position, in training only, as log return. `reluctance` says how much dearer a
    trade counts than it is.
    """

    discount: float
    width: int = 128
    members: int = 1
    trace: float = 0.5
    lookahead: int = 1
    tracking: float = 0.05
    drop: float = 0.3
    decay: float = 1.0
    auxiliary: float = 0.1
    holding: float = 1e-4
    reluctance: float = 0.0


class Critic:
    """Online and target network, optimiser, and what turns returns into rewards.

    The target network is a running average of the online one. It values the targets, and it is also the one that acts,
    is measured and is kept: an average over steps is better than its last member (Polyak and Juditsky 1992).
    """

    def __init__(
        self,
        market: Market,
        train: slice,
        horizons: tuple[int, ...],
        hyper: Hyper,
        rate: float,
        generator: Generator,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        device = market.device
        scales = market.features.shape[1] // len(market.names)
        shape = Shape(len(market.names), scales, hyper.width, hyper.members, horizons)
        self.market, self.train, self.hyper, self.generator = market, train, hyper, generator
        self.online, self.target = Network(shape, device), Network(shape, device)
        self.online.initialise(generator)
        self.target.load_state(self.online.state())
        self.features = in_precision(market.features, dtype)
        self.dropout = Dropout(hyper.drop, dtype, device)
        self.adam = Adam(self.online.flat, self.online.decay_mask(), rate, hyper.decay)
        self.horizons = torch.tensor(horizons, device=device)
        self.overlap = self.horizons.rsqrt()
        """Outcomes over h bars overlap: a long horizon tells less than it seems to, and would drown the values. Seen by
        us with equal weights: Long falls from 80 to 43 % of the ceiling on `hard`."""
        self.horizon_weight = torch.ones(len(horizons), device=device)

        kept = market.decidable[train]
        sides = torch.tensor([1.0, -1.0], dtype=torch.float64, device=device)
        earned = market.costs.earned(sides, market.returns[:, None])  # [T, 2] log growth of long and of short
        inside = earned[train][kept]
        self.unit = float(inside.std().clamp(min=1e-9))
        """Deviation of one bar's reward: the unit of every advantage."""
        self.rewards = ((earned - inside.mean(dim=0) - hyper.holding) / self.unit).float()
        """[T, 2] in units, demeaned over the training part, so that its drift is no reason to hold anything."""
        self.costs = cost_units(market.costs, self.unit, hyper.reluctance, device)

    def advantages(self, features: Tensor) -> Tensor:
        """Advantage of long and short over flat [N, 2] in units, by the network that acts."""
        return self.target.advantages(features)

    def targets(self, bars: Tensor) -> Tensor:
        """Targets [B, 2] of the advantages at `bars` [B]."""
        steps = torch.arange(self.hyper.lookahead, device=bars.device)
        now = bars[:, None] + steps  # [B, n]
        ahead = (now + 1).clamp(max=self.train.stop)
        advantages = self.valued(ahead.flatten()).view(*ahead.shape, 2)
        decidable = self.market.decidable[ahead] & (ahead < self.train.stop - 1)
        return sweep(
            self.rewards[now.clamp(max=self.train.stop)],
            advantages,
            decidable,
            self.costs,
            self.hyper.discount,
            self.hyper.trace,
        )

    def valued(self, bars: Tensor) -> Tensor:
        """The target network's advantages [N, 2] at `bars` [N] of the training part or the bar after it.

        Where more are asked for than there are bars, each is valued once.
        """
        start, stop = self.train.start, self.train.stop + 1
        if len(bars) > stop - start:
            return self.target.advantages(self.features[start:stop])[bars - start]
        rows = (self.features.index_select(0, part) for part in bars.split(ROWS_AT_ONCE))
        return self.target.advantages_of(rows, len(bars), self.features.dtype)

    def one_step(self, bars: Tensor, advantage: Tensor) -> Tensor:
        """One-step targets [P, L, 2] along episodes over `bars` [P, L] with `advantage` [P, L, 2] of their own.

        The last bar of an episode has no next one and takes its own advantage for it.
        """
        following = torch.cat([advantage[:, 1:], advantage[:, -1:]], dim=1).flatten(0, 1).unsqueeze(1)
        decidable = self.market.decidable[(bars + 1).clamp(max=self.train.stop)].flatten().unsqueeze(1)
        rewards = self.rewards[bars].flatten(0, 1).unsqueeze(1)
        wanted = sweep(rewards, following, decidable, self.costs, self.hyper.discount, 0.0)
        return wanted.view_as(advantage)

    def set_prior(self, importance: Mapping[str, float]) -> None:
        """Lower the gate of each feature whose importance is below the even share, in proportion.

        What does not matter fades, what matters stays as it is. Seen by us on planted markets with 48 noise columns:
        as good as gates of zero for these, where gates all at one earn a fifth less on `easy` and nothing on `hard`. The
        root of these gates is 8 points worse there; with 12 noise columns all this hardly matters.
        """
        names = self.market.names
        share = torch.tensor([importance.get(name, 1 / len(names)) for name in names], device=self.market.device)
        for network in (self.online, self.target):
            network.prior.copy_((share * len(names)).clamp(max=1))

    def set_horizon_weight(self, skill: Mapping[int, float]) -> None:
        """Let horizons that could be predicted elsewhere count for more; unknown ones count as the mean does."""
        known = {horizon: max(0.0, value) + 0.01 for horizon, value in skill.items()}
        mean = sum(known.values()) / len(known) if known else 1.0
        weights = torch.tensor([known.get(horizon, mean) / mean for horizon in self.online.shape.horizons])
        self.horizon_weight.copy_(weights.clamp(0.25, 4.0))

    def learn(self, replay: Replay, updates: int, size: int) -> Tensor:
        """`updates` gradient steps on `size` bars each from the replay; returns the mean loss (a tensor: nothing waits).

        Targets, outcomes and priorities of a round are computed at once, by the networks as they are when it begins.
        """
        losses = []
        for done in range(0, updates, ROUND):
            count = min(ROUND, updates - done)
            batches = math.ceil(count / PASSES)
            sample = replay.sample(batches * size, self.generator)
            wanted = self.targets(sample.bars).mT  # [2, batches * size]
            outcomes, counts = self.outcomes(sample.bars)  # [horizons, batches * size]
            counts *= sample.weights
            targets = torch.cat([wanted, outcomes])  # [2 + horizons, batches * size]
            shares = shares_of(sample.weights, counts, self.hyper.auxiliary) / size
            self.dropout.renew(self.online.shape.members * size * self.online.shape.width, self.generator)
            missed = torch.empty_like(sample.weights)
            for k in range(count):
                part = slice(k % batches * size, (k % batches + 1) * size)
                batch = Batch(self.features, sample.bars[part], targets[:, part], shares[:, part])
                loss, error = loss_and_gradient(self.online, batch, self.dropout)
                self.adam.step(self.online.gradient)
                self.target.flat.lerp_(self.online.flat, self.hyper.tracking)
                torch.mean(error.abs(), dim=0, out=missed[part])
                losses.append(loss)
            replay.renew(sample.slots, missed)
        return torch.stack(losses).mean()

    def outcomes(self, bars: Tensor) -> tuple[Tensor, Tensor]:
        """What came within each horizon, and how much it counts [horizons, B]: not across a gap, by 1 / sqrt(horizon)."""
        outcome, exists = self.market.outcomes(bars, self.horizons)
        return outcome, exists * (self.horizon_weight * self.overlap)[:, None]

    def state_dict(self) -> dict[str, Any]:
        """Weights and prior of both networks, the weight of each horizon, and the optimiser's state below `adam`."""
        networks = {"online": self.online.state(), "target": self.target.state()}
        return networks | {"horizon_weight": self.horizon_weight} | with_prefix("adam", self.adam.state_dict())

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Return to a state of `state_dict()`.

        :raise ValueError: something does not fit; nothing is then changed.
        """
        networks = checked_like(state, online=self.online.state(), target=self.target.state())
        tensors = checked_like(state, horizon_weight=self.horizon_weight)
        try:
            self.adam.load_state_dict(below_prefix("adam", state))
        except ValueError as error:
            raise ValueError(f"adam.{error}") from None
        self.online.load_state(networks["online"])
        self.target.load_state(networks["target"])
        self.horizon_weight.copy_(tensors["horizon_weight"])


def cost_units(costs: Costs, unit: float, reluctance: float, device: torch.device) -> Tensor:
    """Cost [from, to] of a change of position in units, as much dearer than it is as `reluctance` says."""
    none, one, two = (cost * (1 + reluctance) / unit for cost in costs.table())
    return cost_matrix((none, one, two), device)


def bytes_of_training(batch: int, width: int, members: int, capacity: int) -> int:
    """Bytes of both networks with gradient and moments, a batch with what its gradient needs, an evaluation chunk, the
    replay."""
    columns = 64
    network = 4 * members * (columns * width + width * width + 8 * width)
    activations = 4 * members * (columns + 6 * width)
    return 7 * network + batch * 8 * activations + ROWS_AT_ONCE * 2 * activations + 12 * capacity
