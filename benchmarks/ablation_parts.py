"""What `ablation.py` switches: one part of the learner at a time, by a setting, by `Hyper`, or by a replacement here.

A replacement wraps a method of one learner, so that the learner needs no switch that only this comparison would use.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from attrs import evolve, field, frozen
from torch import Tensor

from progressive_buckets.learner.critic import Hyper
from progressive_buckets.learner.gradient_step import TorchStep
from progressive_buckets.learner.learner import MarketLearner
from progressive_buckets.learner.targets import sweep
from progressive_buckets.naturalistic.exploration import Plan
from progressive_buckets.network_policy import NetworkPolicy
from progressive_market.market import Market, Part
from progressive_market.policy import LONG, SHORT, as_maps, best_actions, follow, sides
from progressive_market.split import Split
from progressive_training import BucketInfo, Resources

DEFAULT = "default"


@frozen
class Ground:
    """What all variants of one training share: the market, its split, and what the bucket declares."""

    info: BucketInfo
    resources: Resources
    market: Market
    split: Split
    hyper: Hyper
    exploration: float


@frozen
class Variant:
    """The default with one part changed: `settings`, fields of `Hyper`, or what `replace` does to a new learner."""

    name: str
    settings: Mapping[str, Any] = field(factory=dict)
    hyper: Mapping[str, Any] = field(factory=dict)
    replace: Callable[[MarketLearner], None] | None = None

    def learner(self, ground: Ground) -> MarketLearner:
        """A fresh learner of this variant; the seed is the same for all."""
        info = evolve(ground.info, settings={**ground.info.settings, **self.settings})
        hyper = evolve(ground.hyper, **self.hyper)
        learner = MarketLearner(info, ground.resources, ground.market, ground.split, hyper, ground.exploration)
        if self.replace is not None:
            self.replace(learner)
        return learner


def wrap(owner: Any, name: str, by: Callable[..., Any]) -> None:
    """Let `owner.name(...)` be `by(original, ...)`."""
    setattr(owner, name, partial(by, getattr(owner, name)))


def only_the_action_taken(learner: MarketLearner) -> None:
    """Sampled learning: of a bar only the action taken there teaches, as in a world that the agent moves.

    The position held after each bar of an episode (epsilon-greedy, from flat) is remembered by bar. Its advantage gets
    the target that the default gives it; the other side's target is what the network says of it already.
    """
    critic, market = learner.critic, learner.market
    taken = torch.zeros(len(market.returns), dtype=torch.int64)
    draws = torch.Generator().manual_seed(learner.info.seed)

    def walk(original: Callable[[Plan], Any], plan: Plan) -> Any:
        last = learner.split.train.stop - 1
        bars = plan.starts[:, None] + torch.arange(learner.length)  # [P, L]
        decidable = market.decidable[bars.clamp(max=last)] & (bars < last)
        bars = bars.clamp(max=last)
        advantage = critic.advantages(market.features[bars.flatten()]).view(*bars.shape, 2)
        rates = plan.rates[learner.exploration.conditions[bars].long()]
        explored = torch.rand(bars.shape, generator=draws) < rates
        trial = torch.randint(3, bars.shape, generator=draws)
        actions = torch.where(explored[..., None], trial[..., None], best_actions(advantage, critic.costs))
        taken[bars] = follow(as_maps(actions, decidable))
        return original(plan)

    def targets(original: Callable[[Tensor], Tensor], bars: Tensor) -> Tensor:
        position = taken[bars]
        known = torch.stack([position == LONG, position == SHORT], dim=1)
        return torch.where(known, original(bars), critic.online.advantages(critic.features[bars]))

    wrap(learner, "walk", walk)
    wrap(critic, "targets", targets)


def act_every(interval: int, learner: MarketLearner) -> None:
    """Decide on every `interval`-th bar only and hold in between; targets reach from one decision to the next."""
    critic, market, train = learner.critic, learner.market, learner.split.train
    discounts = critic.hyper.discount ** torch.arange(interval)

    def positions(advantage: Tensor, decidable: Tensor) -> Tensor:
        decides = torch.arange(len(advantage)) % interval == 0
        actions = torch.where(decides[:, None], best_actions(advantage, critic.costs), torch.arange(3))
        return sides(advantage.device)[follow(as_maps(actions, decidable))]

    def score_of(_: Any, advantages: Tensor) -> float:
        part = learner.evaluator.scored
        return float(market.growth(positions(advantages, part.decidable), part).sum())

    def acting(original: Callable[[], NetworkPolicy]) -> Callable[[Part], Tensor]:
        policy = original()
        return lambda part: positions(policy.advantages(part), part.decidable)

    def targets(_: Any, bars: Tensor) -> Tensor:
        now = (bars[:, None] + torch.arange(interval)).clamp(max=train.stop)  # [B, interval]
        ahead = (now + 1).clamp(max=train.stop)
        open_still = (market.decidable[ahead] & (ahead < train.stop - 1)).long().cumprod(dim=1)
        held = torch.cat([torch.ones_like(open_still[:, :1]), open_still[:, :-1]], dim=1)
        reward = (critic.rewards[now] * (held * discounts)[..., None]).sum(dim=1, keepdim=True)  # [B, 1, 2]
        after = critic.target.advantages(critic.features[ahead[:, -1]])[:, None]
        decidable = open_still[:, -1:].bool()
        return sweep(reward, after, decidable, critic.costs, critic.hyper.discount**interval, 0.0)

    wrap(critic, "targets", targets)
    wrap(learner, "acting", acting)
    wrap(learner, "score_of", score_of)


def no_linear_path(learner: MarketLearner) -> None:
    """Keep the weights from the inputs straight to the values at zero, where they begin."""
    critic, hyper = learner.critic, learner.critic.hyper
    plain = TorchStep(critic.online, critic.target, critic.adam, hyper.tracking, hyper.drop, critic.dtype)
    critic._steps = {learner.batch: plain}  # the compiled step does not call `adam.step`

    def step(original: Callable[..., None], *arguments: Any) -> None:
        original(*arguments)
        critic.online.parameters["value.linear"].zero_()

    wrap(critic.adam, "step", step)


def no_feature_prior(learner: MarketLearner) -> None:
    """Every feature starts alike, whatever the training bars show of it."""
    learner.critic.set_prior(dict.fromkeys(learner.market.names, 1.0))


def variants() -> tuple[Variant, ...]:
    """All that can be compared, the default first. Its precision is bf16 where the processor is made for it, else fp32."""
    return (
        Variant(DEFAULT),
        Variant("only the action taken teaches", replace=only_the_action_taken),
        Variant("targets over 4 bars", hyper={"lookahead": 4, "trace": 0.5}),
        Variant("targets over 8 bars", hyper={"lookahead": 8, "trace": 0.8}),
        Variant("uniform replay", settings={"PRIORITISED_REPLAY": False}),
        Variant("no horizon predictions", hyper={"auxiliary": 0.0}),
        Variant("fixed exploration", settings={"ADAPTIVE_EXPLORATION": False}),
        Variant("no lessons", settings={"POST_TRADE_LESSONS": False}),
        Variant("no contextual memory", settings={"CONTEXTUAL_MEMORY": False}),
        Variant("no dropout", hyper={"drop": 0.0}),
        Variant("no weight decay", hyper={"decay": 0.0}),
        Variant("no regularisation", hyper={"drop": 0.0, "decay": 0.0}),
        Variant("no linear path", replace=no_linear_path),
        Variant("2 members", hyper={"members": 2}),
        Variant("4 members", hyper={"members": 4}),
        Variant("acts every 6 bars", replace=partial(act_every, 6)),
        Variant("acts every 24 bars", replace=partial(act_every, 24)),
        Variant("no feature prior", replace=no_feature_prior),
        Variant("fp32", settings={"PRECISION": "fp32"}),
        Variant("bf16", settings={"PRECISION": "bf16"}),
    )
