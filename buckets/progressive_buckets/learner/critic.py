"""The critic: networks, targets and optimiser. `Critic.learn` is the hot loop of a training run, top to bottom."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from attrs import frozen

from progressive_buckets.learner.compute import in_precision
from progressive_buckets.learner.fused.fused_values import FusedValues, fused_values
from progressive_buckets.learner.gradient import Batch, shares_of
from progressive_buckets.learner.gradient_step import GradientStep, gradient_step
from progressive_buckets.learner.network import ROWS_AT_ONCE, Network, Shape
from progressive_buckets.learner.optimiser import Adam
from progressive_buckets.learner.targets import sweep
from progressive_buckets.state_checks import checked_like
from progressive_training.market import below_prefix, cost_matrix, with_prefix

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Generator, Tensor

    from progressive_buckets.naturalistic.replay import Replay
    from progressive_training.market import Costs, Market

ROUND = 20
"""Gradient steps that share one sample and its targets: the target network moves little in so few steps."""
PASSES = 2
"""Passes over the bars of a round, each with other dropout masks. Targets cost a third of a step, so they are reused.
Four passes take 6 % less of an episode and learn 2 points of the ceiling less (t 1.8; `benchmarks/steps.py`, 20 seeds)."""


@frozen
class Hyper:
    """Hyper-parameters of a critic.

    `discount`: of a gain one bar later. `width`, `members`: size of a hidden layer, and how many networks vote.
    `trace`, `lookahead`: lambda of the lambda-returns, and over how many bars they reach. `tracking`: share by which the
    target network approaches the online one at each step. `drop`: share of activations dropped. `decay`: weight decay.
    `auxiliary`: weight of the horizon predictions in the loss. `holding`: cost of any position for each bar, as a
    share of the deviation of one bar's return, in training only. `reluctance`: by what share a trade costs more in training than on the market.
    `by_volatility`: whether the reward of a bar counts by the volatility known there.
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
    holding: float = 0.005
    reluctance: float = 0.0
    by_volatility: bool = False


class Critic:
    """Online and target network, their optimiser, and the rewards and costs that they learn from.

    The gradient steps change the online network. The target network is its running average. It computes the targets, and
    it also acts, is validated and is saved: an average over steps is better than the last step (Polyak and Juditsky 1992).
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
        self.dtype = dtype
        self.adam = Adam(self.online.flat, self.online.decay_mask(), rate, hyper.decay)
        self._steps: dict[int, GradientStep] = {}
        self.horizons = torch.tensor(horizons, device=device)
        self.overlap = self.horizons.rsqrt()
        """1 / sqrt(horizon) [horizons], the weight of a prediction: outcomes over h bars overlap, so a long horizon has
        less to teach than its number of bars suggests, and its loss would dominate. Measured with equal weights: Long
        falls from 80 to 43 % of the ceiling on `hard`."""
        self.horizon_weight = torch.ones(len(horizons), device=device)

        self.scale = market.once(
            ("reward scale", str(train), hyper.by_volatility), lambda: scale_of(market, train, hyper.by_volatility)
        )
        self.unit = self.scale.unit
        """Standard deviation of one bar's reward, as log growth: the unit of every advantage."""
        self.costs = cost_units(market.costs, self.unit, hyper.reluctance, device)

    @cached_property
    def features(self) -> Tensor:
        """The market's features in the precision of the gradient step, the columns of a row beside each other; made for a critic that
        learns."""
        table = in_precision(self.market.features, self.dtype)
        return table if table.stride(1) == 1 else table.contiguous()

    @cached_property
    def fused_values(self) -> FusedValues | None:
        """The target network's advantages by compiled passes, where they multiply in this precision."""
        return fused_values(self.target, self.features)

    @cached_property
    def rewards(self) -> Tensor:
        """Rewards of long and short [T, 2] in units, less their mean over the training part: the market's drift there
        must not be a reason to hold a position. Made for a critic that learns."""
        earned, _ = earned_by_bar(self.market, self.hyper.by_volatility)
        return ((earned - self.scale.drift) / self.scale.deviation - self.hyper.holding).float()

    def advantages(self, features: Tensor) -> Tensor:
        """Advantages of long and short over flat [N, 2] in units, by the target network, of `features` [N, columns]."""
        return self.target.advantages(features)

    def targets(self, bars: Tensor) -> Tensor:
        """Targets [B, 2] of the advantages at `bars` [B]: lambda-returns over `lookahead` bars (see `targets`)."""
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

        If N exceeds the number of these bars, the network runs once for each bar, and the results are gathered. Computed in the
        precision of the gradient step.
        """
        start, stop = self.train.start, self.train.stop + 1
        if len(bars) > stop - start:
            return self.valued(torch.arange(start, stop, device=bars.device))[bars - start]
        if self.fused_values is not None:
            return self.fused_values(self.features, bars)
        rows = (self.features.index_select(0, part) for part in bars.split(ROWS_AT_ONCE))
        return self.target.advantages_of(rows, len(bars), self.features.dtype)

    def one_step(self, bars: Tensor, advantage: Tensor) -> Tensor:
        """One-step targets [P, L, 2] for the `bars` [P, L] of P episodes, whose advantages `advantage` [P, L, 2] are.

        The last bar of an episode has no next one; its own advantage stands in for the next one's.
        """
        following = torch.cat([advantage[:, 1:], advantage[:, -1:]], dim=1).flatten(0, 1).unsqueeze(1)
        decidable = self.market.decidable[(bars + 1).clamp(max=self.train.stop)].flatten().unsqueeze(1)
        rewards = self.rewards[bars].flatten(0, 1).unsqueeze(1)
        wanted = sweep(rewards, following, decidable, self.costs, self.hyper.discount, 0.0)
        return wanted.view_as(advantage)

    def set_prior(self, importance: Mapping[str, float]) -> None:
        """Scale each feature's gate by its importance over the even share, at most 1.

        Unimportant features fade, important ones are unchanged. Measured on planted markets with 48 noise columns: as
        good as gates of 0 for the noise, while gates of 1 earn a fifth less on `easy` and nothing on `hard`. The square
        root of these gates is 8 points worse there. With 12 noise columns it hardly matters.

        :param importance: share of each feature by name; a feature that is missing keeps the even share.
        """
        names = self.market.names
        share = torch.tensor([importance.get(name, 1 / len(names)) for name in names], device=self.market.device)
        for network in (self.online, self.target):
            network.prior.copy_((share * len(names)).clamp(max=1))

    def set_horizon_weight(self, skill: Mapping[int, float]) -> None:
        """Weigh each horizon's loss by the `skill` another learner has there, relative to its mean, within 0.25 and 4.

        :param skill: correlation by horizon; a horizon that is missing counts as the mean does.
        """
        known = {horizon: max(0.0, value) + 0.01 for horizon, value in skill.items()}
        mean = sum(known.values()) / len(known) if known else 1.0
        weights = torch.tensor([known.get(horizon, mean) / mean for horizon in self.online.shape.horizons])
        self.horizon_weight.copy_(weights.clamp(0.25, 4.0))

    def learn(self, replay: Replay, updates: int, size: int) -> Tensor:
        """Make `updates` gradient steps, each on `size` bars from the replay.

        The targets and outcomes of a round of steps are computed together, with the target network as it is at its start,
        and the priorities of its bars are updated at its end.

        :return: the mean loss [], on the device, so that the host does not wait.
        """
        losses, step = [], self._step(size)
        for done in range(0, updates, ROUND):
            count = min(ROUND, updates - done)
            batches = math.ceil(count / PASSES)
            sample = replay.sample(batches * size, self.generator)
            wanted = self.targets(sample.bars).mT  # [2, batches * size]
            outcomes, counts = self.outcomes(sample.bars)  # [horizons, batches * size]
            counts *= sample.weights
            targets = torch.cat([wanted, outcomes])  # [2 + horizons, batches * size]
            shares = shares_of(sample.weights, counts, self.hyper.auxiliary) / size
            step.dropout.refill(self.online.shape.members * size * self.online.shape.width, self.generator)
            round_losses, missed = step.round(Batch(self.features, sample.bars, targets, shares), size, count)
            losses.append(round_losses)
            replay.update_priorities(sample.slots, missed)
        return torch.cat(losses).mean()

    def _step(self, size: int) -> GradientStep:
        """The gradient step on batches of that size; the memory of one size is kept."""
        if size not in self._steps:
            hyper = self.hyper
            made = gradient_step(self.online, self.target, self.adam, hyper.tracking, hyper.drop, self.dtype, size)
            self._steps = {size: made}
        return self._steps[size]

    def outcomes(self, bars: Tensor) -> tuple[Tensor, Tensor]:
        """Outcome of `bars` [B] at each horizon, and its weight in the loss; both [horizons, B].

        The weight is 0 where a gap, or the end of all bars, lies within the horizon.
        """
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


@frozen
class RewardScale:
    """Of the log growth of one bar on the training part: the standard deviation as it is (`unit`) and as it is learned from
    (`deviation`), and the mean before charges of long and short, as it is learned from (`drift` [2])."""

    unit: float
    deviation: float
    drift: Tensor


def earned_by_bar(market: Market, by_volatility: bool) -> tuple[Tensor, Tensor]:
    """Log growth of long and of short on each bar [T, 2], after funding and borrowing, and before them: they are no drift."""
    sides = 1.0 - 2.0 * torch.arange(2, dtype=torch.float64, device=market.device)  # long, short
    earned, gross = market.rewards(sides), market.costs.earned(sides, market.returns[:, None])
    if by_volatility:
        earned, gross = (each / market.volatility[:, None] for each in (earned, gross))
    return earned, gross


def scale_of(market: Market, train: slice, by_volatility: bool) -> RewardScale:
    """The scale of the rewards on the training part."""
    kept = market.decidable[train]

    def deviation_of(earned: Tensor) -> float:
        return float(earned[train][kept].std().clamp(min=1e-9))

    plain, gross = earned_by_bar(market, by_volatility=False)
    unit = deviation = deviation_of(plain)
    if by_volatility:
        earned, gross = earned_by_bar(market, by_volatility)
        deviation = deviation_of(earned)
    return RewardScale(unit, deviation, gross[train][kept].mean(dim=0))


def cost_units(costs: Costs, unit: float, reluctance: float, device: torch.device) -> Tensor:
    """Costs of a change of position [from, to] in units, 1 + `reluctance` times those of the market; infinite to a side that
    is not allowed."""
    none, one, two = (cost * (1 + reluctance) / unit for cost in costs.table())
    return cost_matrix((none, one, two), device, costs.allowed)


def bytes_of_training(batch: int, width: int, members: int, capacity: int) -> int:
    """Estimate the bytes of training: both networks with gradient and moments, the activations of a batch and of an
    evaluation chunk, and the replay of `capacity` bars."""
    columns = 64
    network = 4 * members * (columns * width + width * width + 8 * width)
    activations = 4 * members * (columns + 6 * width)
    return 7 * network + batch * 8 * activations + ROWS_AT_ONCE * 2 * activations + 12 * capacity
