"""Our learner in the roles the comparison has for it: on windows of raw features, and as a bucket with its defaults."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import torch
from attrs import evolve
from learnability import alone, declared

from progressive_app.config.resolve import defaults
from progressive_buckets.learner.compute import prepare
from progressive_buckets.learner.critic import Hyper
from progressive_buckets.learner.learner import MarketLearner
from progressive_market.features.scaler import Scaler
from progressive_market.fills import Costs
from progressive_market.market import Market, open_market
from progressive_training import Resources
from rivals.common import CAPACITY, DISCOUNT, FEE, RATE, SAMPLES, WIDTH, WINDOW, parts_of, throughput_bars

if TYPE_CHECKING:
    from progressive_market.bars import Bars

BUCKET = "Scalping"
EPISODES, EPISODE_BARS = 320, 128
"""Parallel walks, of 128 to 640 the fewest that cost no more, and the bars of each."""
BATCHES = {"fp32": 8_192, "bf16": 8_192}
"""Fewer, larger steps on as many gradient samples: of 1,024 to 8,192 the fastest on two idle cores."""


def window_market(bars: Bars, device: str = "cpu") -> Market:
    """`bars` with the last 32 bars of eight raw features as an observation: overlapping rows of one table, no copy.

    A row lies in memory bar after bar, so what the learner counts as one feature's scales is a stretch of bars here:
    the same products at the same cost, which is all that a measurement of speed needs.
    """
    market = open_market(bars, parts_of(bars), Costs(side=FEE), device)
    scales = market.features.shape[1] // len(market.names)
    raw = market.features[:, ::scales]  # [T, 8]
    padded = torch.cat([torch.zeros_like(raw[: WINDOW - 1]), raw])
    columns = WINDOW * raw.shape[1]
    windows = padded.as_strided((len(raw), columns), (raw.shape[1], 1))
    return evolve(market, features=windows, scaler=Scaler(np.zeros(columns), np.ones(columns)))


def updates_for(transitions: int, batch: int) -> int:
    """Gradient steps that make `SAMPLES` gradient samples a transition."""
    return max(1, transitions * SAMPLES // batch)


def window_learner(
    bars: Bars, precision: str, batch: int, episodes: int = EPISODES, device: str = "cpu"
) -> MarketLearner:
    """A learner with one network of the peers' size on `window_market`, its replay full."""
    bucket = declared(BUCKET)
    settings = {
        **defaults(),
        "PRECISION": precision,
        "THREADS": torch.get_num_threads(),
        "EPISODE_BARS": EPISODE_BARS,
        "UPDATES_PER_EPISODE": updates_for(episodes * EPISODE_BARS, batch),
        "REPLAY_CAPACITY": CAPACITY,
        "LEARNING_RATE": RATE,
    }
    prepare(settings)
    resources = Resources(device=device, parallel_episodes=episodes, batch_size=batch)
    hyper = Hyper(discount=DISCOUNT, width=WIDTH, members=1)
    market, split = window_market(bars, device), parts_of(bars)
    learner = MarketLearner(alone(bucket, 0, settings), resources, market, split, hyper, bucket.exploration)
    while learner.replay.filled < CAPACITY:
        learner.walk(learner.exploration.plan(episodes, EPISODE_BARS, learner.generator))
    return learner


class Ours:
    """A `window_learner` that trains when asked, by whole episodes, with all that an episode does by default."""

    def __init__(self, bars: int, precision: str) -> None:
        self.learner = window_learner(throughput_bars(bars), precision, BATCHES[precision])

    def train(self, transitions: int) -> tuple[int, float]:
        """Train for at least so many transitions; how many it were, and the seconds they took."""
        start, done = perf_counter(), 0
        while done < transitions:
            done += self.learner.run_episode().transitions
        return done, perf_counter() - start
