"""A small market and a learner on it, quick enough to train in a test."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from attrs import evolve

from progressive_app.config.resolve import defaults
from progressive_buckets.learner import gradient_step, network
from progressive_buckets.learner.fused import fused_values, learning_passes
from progressive_buckets.learner.learner import MarketLearner
from progressive_buckets.learner.opening import learner_on
from progressive_buckets.naturalistic import exploration
from progressive_market import fixed_order, policy
from progressive_market.bars import Bars, synthetic_bars
from progressive_market.passes import market_passes
from progressive_training import BucketInfo, MarketBucket, Resources

SMALL = {"UPDATES_PER_EPISODE": 5, "EPISODE_BARS": 32, "REPLAY_CAPACITY": 4000}
OpenLearner = Callable[..., MarketLearner]


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def bars() -> Bars:
    return synthetic_bars(5000, seed=11)


@pytest.fixture(scope="session")
def leaking(bars: Bars) -> Bars:
    """The same bars with the return of the next fill as a column."""
    leak = np.zeros(len(bars))
    leak[:-2] = bars.open[2:] / bars.open[1:-1] - 1
    return evolve(bars, extra={"leak": leak})


def bucket(**changes: Any) -> MarketBucket:
    return MarketBucket(**{"name": "Swing", "horizons": (1, 6, 24), "width": 32, "members": 2, **changes})


def info_of(declared: MarketBucket, seed: int = 7, **settings: Any) -> BucketInfo:
    return BucketInfo(
        name=declared.name,
        horizons=declared.horizons,
        sequence=(declared.name,),
        episodes=10,
        seed=seed,
        run_dir=Path(),
        settings={**defaults(), **SMALL, **settings},
    )


@pytest.fixture(scope="session")
def open_learner(bars: Bars) -> OpenLearner:
    """Open a small learner: `open_learner(bars=..., seed=..., SETTING=...)`."""

    def opened(on: Bars = bars, seed: int = 7, declared: MarketBucket | None = None, **settings: Any) -> MarketLearner:
        declared = declared or bucket()
        resources = Resources(device="cpu", parallel_episodes=16, batch_size=64)
        return learner_on(on, declared, info_of(declared, seed, **settings), resources)

    return opened


@pytest.fixture
def on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """The branches that a GPU takes, on a processor."""
    monkeypatch.setattr(policy, "may_count", lambda device: False)
    for module in (fixed_order, exploration):
        monkeypatch.setattr(module, "adds_in_order", lambda device: False)
    for module in (gradient_step, network, fused_values):
        monkeypatch.setattr(module, "usable_for", lambda *which: None)
    for module in (learning_passes, market_passes):
        monkeypatch.setattr(module, "library", lambda: None)
