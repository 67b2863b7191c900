"""Part (f): steps a second of `MarketEnv` and `MarketVectorEnv`, beside gym-anytrading on the same bars."""

from __future__ import annotations

from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from rich.table import Table

from progressive_market.fills import Costs
from progressive_market.market import open_market
from rivals.common import FEE, parts_of, raw_table, throughput_bars
from rivals.stepping import BLOCK, Line, Pace, ratio

WALKS = 64
TARGETS = {"MarketEnv": 40_000, f"MarketVectorEnv, {WALKS} walks": 500_000}
"""Steps a second on one core."""


def stepped_alone(env: Any, actions: list[int], seconds: float) -> float:
    """Steps a second of one environment, resets included."""
    env.reset(seed=0)
    start, done = perf_counter(), 0
    while perf_counter() - start < seconds:
        for action in actions:
            if env.step(action)[3]:
                env.reset()
        done += len(actions)
    return done / (perf_counter() - start)


def stepped_together(walks: Any, actions: np.ndarray, seconds: float) -> float:
    """Steps a second of a vector with `actions` [steps, K], all K counted."""
    walks.reset(seed=0)
    start, done = perf_counter(), 0
    while perf_counter() - start < seconds:
        for row in actions:
            walks.step(row)
        done += actions.size
    return done / (perf_counter() - start)


class TheirSteps:
    """gym-anytrading on windows of 32 x 8 features, long or short, alone and in Gymnasium's own vector."""

    def __init__(self, bars: int) -> None:
        from gymnasium.vector import AutoresetMode, SyncVectorEnv

        from rivals.feature_env import FeatureEnv

        table = raw_table(throughput_bars(bars))
        self.one = FeatureEnv(table)
        self.many = SyncVectorEnv([lambda: FeatureEnv(table)] * WALKS, autoreset_mode=AutoresetMode.SAME_STEP)
        self.actions = np.random.default_rng(0).integers(2, size=(BLOCK // WALKS, WALKS))

    def alone(self, seconds: float) -> float:
        """Of one environment."""
        return stepped_alone(self.one, self.actions.flatten().tolist(), seconds)

    def vectorised(self, seconds: float) -> float:
        """Of 64."""
        return stepped_together(self.many, self.actions, seconds)


class OurSteps:
    """Ours on all features of a run, 8 x 5 and the position: flat, long or short, counted as a broker does."""

    def __init__(self, bars: int) -> None:
        from progressive_training.envs import MarketEnv, MarketVectorEnv

        read = throughput_bars(bars)
        split = parts_of(read)
        market = open_market(read, split, Costs(side=FEE), "cpu")
        self.one = MarketEnv.of_market(market, split.train)
        self.many = MarketVectorEnv.of_market(market, split.train, num_envs=WALKS)
        self.actions = np.random.default_rng(0).integers(3, size=(BLOCK // WALKS, WALKS))

    def alone(self, seconds: float) -> float:
        """Of one environment."""
        return stepped_alone(self.one, self.actions.flatten().tolist(), seconds)

    def vectorised(self, seconds: float) -> float:
        """Of 64."""
        return stepped_together(self.many, self.actions, seconds)


LINES = [
    Line("gym-anytrading", TheirSteps, "alone"),
    Line("MarketEnv", OurSteps, "alone"),
    Line(f"gym-anytrading, {WALKS} in Gymnasium's SyncVectorEnv", TheirSteps, "vectorised"),
    Line(f"MarketVectorEnv, {WALKS} walks", OurSteps, "vectorised"),
]


def ratios(paces: list[Pace]) -> dict[str, float]:
    """How many times the steps of gym-anytrading's, the line before, each of ours takes."""
    return {own.name: ratio(own, theirs) for theirs, own in zip(paces[::2], paces[1::2], strict=True)}


def table(paces: list[Pace]) -> Table:
    """One line an environment: its median, its share of gym-anytrading's before it, and what was aimed at."""
    shown = Table(title="(f) Steps of Gymnasium environments, one thread")
    for name in ("environment", "steps/s", "of gym-anytrading", "target"):
        shown.add_column(name, justify="left" if name == "environment" else "right")
    theirs = 1.0
    for pace in paces:
        rate = median(pace.rates)
        target = TARGETS.get(pace.name)
        theirs = rate if target is None else theirs
        shown.add_row(pace.name, f"{rate:,.0f}", f"{rate / theirs:.1f}", "" if target is None else f"{target:,}")
    return shown
