"""Part (b), those who race: each trains on a planted market and tells when it knew how much."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from attrs import frozen
from learnability import all_resources, alone, declared, filter_earns, ridge_of
from planted import Kind, planted_bars

from progressive_app.config.resolve import defaults
from progressive_buckets.insight.screening import screened_importance
from progressive_buckets.learner.compute import prepare
from progressive_buckets.learner.opening import learner_on
from progressive_market.fills import Costs
from progressive_market.market import Market, Part, open_market
from progressive_market.policy import as_maps, follow, sides
from rivals.common import DQN_TERMS, ENVIRONMENTS, FEE, PPO_TERMS, parts_of
from rivals.ours import BUCKET

if TYPE_CHECKING:
    from torch import Tensor

BARS = 60_000
CHECKPOINTS = 30
"""Of a peer's training, each scored on validation."""
OURS = "ours, default settings"
ALGORITHMS = ("DQN", "PPO")


@frozen
class Race:
    """Which market: its kind and seed."""

    kind: Kind
    seed: int


@frozen
class Curve:
    """What one trainer reached on one market.

    `seconds` of training, and the best validation score so far (net log return) at each checkpoint; `test` is the net
    log return on the test part of the one that was best on validation.
    """

    trainer: str
    race: Race
    seconds: tuple[float, ...]
    best: tuple[float, ...]
    test: float
    ceiling: float = 0.0
    ridge: float = 0.0

    def time_to(self, score: float) -> float:
        """Seconds of training until validation reached `score`; infinite if it never did."""
        return next((second for second, best in zip(self.seconds, self.best, strict=True) if best >= score), np.inf)

    def time_to_best(self) -> float:
        """Seconds of training until validation was as good as it became."""
        return self.time_to(self.best[-1])


def train_ours(race: Race) -> Curve:
    """Our bucket with its default settings.

    Scoring on validation is part of its training and of its time, and so is the look at the training bars by which a
    learner chooses features before its first episode: it is taken once more, with the clock running.
    """
    market = planted_bars(race.kind, BARS, race.seed)
    bucket, settings = declared(BUCKET), {**defaults(), "SLIPPAGE": 0.0}
    prepare(settings)
    learner = learner_on(market.bars, bucket, alone(bucket, race.seed, settings), all_resources(settings))
    seconds: list[float] = []
    best: list[float] = []
    start = perf_counter()
    screened_importance(learner.market, learner.split.train)
    for _ in range(settings["EPISODES"]):
        report = learner.run_episode()
        seconds.append(perf_counter() - start)
        best.append(report.best_score)
        if report.episode - report.best_episode >= settings["PATIENCE"]:
            break
    learner.keep_best()
    evaluation = learner.evaluator.evaluate(learner.policy())
    test, ridge = evaluation.test[0].log_return, ridge_of(evaluation).log_return
    return Curve(OURS, race, tuple(seconds), tuple(best), test, filter_earns(market, learner.split), ridge)


def train_peer(race: Race, algorithm: str, transitions: int) -> Curve:
    """stable-baselines3 on the same bars. The time its checkpoints take to score does not count."""
    from stable_baselines3 import DQN, PPO
    from stable_baselines3.common.vec_env import DummyVecEnv

    from rivals.market_env import MarketEnv

    bars = planted_bars(race.kind, BARS, race.seed).bars
    split = parts_of(bars)
    market = open_market(bars, split, Costs(side=FEE), "cpu")
    steps = DummyVecEnv([lambda: MarketEnv(market, split.train) for _ in range(ENVIRONMENTS)])
    if algorithm == "DQN":
        model: Any = DQN("MlpPolicy", steps, learning_starts=1_000, **DQN_TERMS, seed=race.seed)
    else:
        model = PPO("MlpPolicy", steps, **PPO_TERMS, seed=race.seed)
    parts = market.part(split.validation), market.part(split.test)
    checkpoints = _Checkpoints(model, market, parts, max(1, transitions // CHECKPOINTS))
    model.learn(transitions, callback=checkpoints, log_interval=None)
    checkpoints.score()
    return Curve(
        f"stable-baselines3 {algorithm}", race, tuple(checkpoints.seconds), tuple(checkpoints.best), checkpoints.test
    )


class _Checkpoints:
    """Scores a model every so many transitions, with the clock stopped. stable-baselines3 calls it after every step."""

    def __init__(self, model: Any, market: Market, parts: tuple[Part, Part], every: int) -> None:
        self.model, self.market, self.parts, self.every = model, market, parts, every
        self.seconds: list[float] = []
        self.best: list[float] = []
        self.test = 0.0
        self.start, self.next = perf_counter(), every

    def __call__(self, _locals: dict[str, Any], _globals: dict[str, Any]) -> bool:
        if self.model.num_timesteps >= self.next:
            self.next += self.every
            self.score()
        return True

    def score(self) -> None:
        """Note the time and the best score, and the test score where validation is better than before."""
        now = perf_counter()
        validation, test = (greedy_growth(self.model, part, self.market) for part in self.parts)
        before = self.best[-1] if self.best else -np.inf
        if validation > before:
            self.test = test
        self.seconds.append(now - self.start)
        self.best.append(max(before, validation))
        self.start += perf_counter() - now


@torch.no_grad()
def greedy_growth(model: Any, part: Part, market: Market) -> float:
    """Net log return over `part` of the action that the model prefers, from flat."""
    held = torch.eye(3)
    actions = [
        torch.cat([preferred(model, torch.cat([rows, held[p].expand(len(rows), 3)], 1)) for rows in chunks])
        for p, chunks in ((p, part.features.split(8_192)) for p in range(3))
    ]
    position = follow(as_maps(torch.stack(actions, dim=1), part.decidable))
    return float(market.growth(sides(position.device)[position], part).sum())


def preferred(model: Any, observations: Tensor) -> Tensor:
    """The greedy action [N] for observations [N, columns]."""
    policy = model.policy
    policy.set_training_mode(False)
    action: Tensor = policy._predict(observations, deterministic=True)
    return action.flatten()
