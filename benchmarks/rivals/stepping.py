"""Part (c): steps a second of the environment alone, nothing learned."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import torch
from attrs import frozen
from rich.table import Table

from progressive_market.fills import growth_by_bar
from progressive_market.policy import as_maps, follow, sides
from rivals.common import ENVIRONMENTS, Say, raw_table, throughput_bars
from rivals.ours import EPISODE_BARS, EPISODES, window_learner
from rivals.workers import Worker

BLOCK = 4_096  # steps between two looks at the clock


@frozen
class Line:
    """One line of the table: `make(bars)` builds the environments, its `method` steps them for some seconds."""

    name: str
    make: Callable[[int], Any]
    method: str


@frozen
class Pace:
    """Steps a second of one environment in each round."""

    name: str
    rates: tuple[float, ...]


class AnyTrading:
    """gym-anytrading with actions that are drawn beforehand."""

    def __init__(self, bars: int) -> None:
        from rivals.anytrading import environments
        from rivals.feature_env import FeatureEnv

        table = raw_table(throughput_bars(bars))
        self.one, self.eight = FeatureEnv(table), environments(table)
        self.actions = np.random.default_rng(0).integers(2, size=(BLOCK, ENVIRONMENTS))

    def alone(self, seconds: float) -> float:
        """Steps a second of one environment."""
        self.one.reset(seed=0)
        actions = self.actions[:, 0].tolist()
        start, done = perf_counter(), 0
        while perf_counter() - start < seconds:
            for action in actions:
                if self.one.step(action)[3]:
                    self.one.reset()
            done += BLOCK
        return done / (perf_counter() - start)

    def vectorised(self, seconds: float) -> float:
        """Steps a second of eight in stable-baselines3's vectorised environment, all counted."""
        self.eight.reset()
        start, done = perf_counter(), 0
        while perf_counter() - start < seconds:
            for actions in self.actions[: BLOCK // ENVIRONMENTS]:
                self.eight.step(actions)
            done += BLOCK
        return done / (perf_counter() - start)


class Ours:
    """Our parallel episodes on the same windows."""

    def __init__(self, bars: int) -> None:
        self.learner = window_learner(throughput_bars(bars), "fp32", batch=1_024)

    @torch.no_grad()
    def stepping(self, seconds: float) -> float:
        """Steps a second of what an environment does: observations gathered, positions, fills, rewards; actions given.

        The actions [P, L, 3] are drawn beforehand, one for each position that a step may find.
        """
        market, split = self.learner.market, self.learner.split
        actions = torch.randint(3, (EPISODES, EPISODE_BARS, 3))
        side = sides(market.device)
        start, done = perf_counter(), 0
        while perf_counter() - start < seconds:
            first = torch.randint(split.train.stop - EPISODE_BARS - 2, (EPISODES, 1))
            bars = first + torch.arange(EPISODE_BARS)
            observations = market.features.index_select(0, bars.flatten())
            decidable = market.decidable[bars]
            position = follow(as_maps(actions, decidable))
            rewards = growth_by_bar(side[position], market.returns[bars], decidable, market.costs)
            assert len(observations) == rewards.numel()
            done += bars.numel()
        return done / (perf_counter() - start)

    def walking(self, seconds: float) -> float:
        """Steps a second of `walk`: besides stepping, the network acts, trades are told, the replay is fed."""
        learner = self.learner
        start, done = perf_counter(), 0
        while perf_counter() - start < seconds:
            learner.walk(learner.exploration.plan(EPISODES, EPISODE_BARS, learner.generator))
            done += EPISODES * EPISODE_BARS
        return done / (perf_counter() - start)


OURS = [
    Line("ours: observations, positions, rewards", Ours, "stepping"),
    Line("ours: walk, with the network acting and lessons", Ours, "walking"),
]
PEERS = [
    Line("gym-anytrading", AnyTrading, "alone"),
    Line(f"gym-anytrading, {ENVIRONMENTS} in stable-baselines3's DummyVecEnv", AnyTrading, "vectorised"),
]


def measure(lines: list[Line], bars: int, rounds: int, seconds: float, say: Say) -> list[Pace]:
    """Step each environment in turn, on one thread."""
    workers = {make: Worker(make, bars, threads=1) for make in dict.fromkeys(line.make for line in lines)}
    try:
        rates: list[list[float]] = [[] for _ in lines]
        for turn in range(rounds):
            for line, seen in zip(lines, rates, strict=True):
                seen.append(workers[line.make].ask(line.method, seconds))
            say(f"round {turn + 1} of {rounds}: " + ", ".join(f"{seen[-1]:,.0f}" for seen in rates))
        return [Pace(line.name, tuple(seen)) for line, seen in zip(lines, rates, strict=True)]
    finally:
        for worker in workers.values():
            worker.close()


def ratios(paces: list[Pace]) -> dict[str, float]:
    """How many times the steps of the peers' vectorised environment ours take."""
    return {own.name: ratio(own, paces[len(PEERS) - 1]) for own in paces[len(PEERS) :]}


def ratio(own: Pace, other: Pace) -> float:
    """How many times the steps of another: the median over rounds that lie side by side."""
    return median(one / another for one, another in zip(own.rates, other.rates, strict=True))


def table(paces: list[Pace]) -> Table:
    """One line an environment."""
    shown = Table(title="(c) Environment steps alone, one thread")
    shown.add_column("environment")
    shown.add_column("steps/s", justify="right")
    for pace in paces:
        shown.add_row(pace.name, f"{median(pace.rates):,.0f}")
    return shown
