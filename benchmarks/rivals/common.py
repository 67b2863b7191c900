"""What every trainer of the comparison shares: bars, features, window, network, gradient samples, costs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from attrs import frozen
from planted import planted_bars

from progressive_market.fills import Costs
from progressive_market.market import open_market
from progressive_market.split import Split, split_bars

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from progressive_market.bars import Bars

FEATURES = 8
WINDOW = 32
"""Bars of raw features in an observation."""
WIDTH = 128
"""Of both hidden layers."""
RATE = 1e-4
"""Adam's step size."""
CAPACITY = 100_000
"""Transitions that a replay remembers."""
BATCH = 32
"""Of the peers' gradient steps."""
SAMPLES = 8
"""Gradient samples for each transition: the peers take a step on `BATCH` of them every 4 transitions."""
ENVIRONMENTS = 8
"""Of every library."""
DISCOUNT = 0.99
EXPLORATION = 0.05
TARGET_INTERVAL = 10_000
"""Transitions after which the target network becomes the trained one."""
TARGET_UPDATES = TARGET_INTERVAL * SAMPLES // BATCH
"""The same in gradient steps."""
FEE = 0.001
LONGEST = 72
"""Longest horizon in bars of the bucket that stands for us, Scalping: it decides where the parts of the bars lie."""

TERMS: dict[str, Any] = {"gamma": DISCOUNT, "policy_kwargs": {"net_arch": [WIDTH, WIDTH]}, "device": "cpu"}
DQN_TERMS = TERMS | {
    "buffer_size": CAPACITY,
    "batch_size": BATCH,
    "train_freq": 4,  # steps of all environments, the default
    "gradient_steps": 4 * ENVIRONMENTS * SAMPLES // BATCH,
}
"""stable-baselines3's DQN with `SAMPLES` gradient samples a transition; the rest is as it comes."""
PPO_TERMS = TERMS | {"n_steps": 256, "n_epochs": SAMPLES}
"""Its PPO, which goes over each transition `SAMPLES` times in its own batches of 64."""

Say = Callable[[str], None]
"""Tells who watches how far a measurement is."""
PEER_PACKAGES = ("stable_baselines3", "gymnasium", "gym_anytrading")
"""Of the `bench` extra."""


def missing(packages: Iterable[str]) -> list[str]:
    """Those of the packages that are not installed."""
    return [name for name in packages if find_spec(name) is None]


@frozen
class Table:
    """The same market for everybody: `rows` [T, 8] float32, standardised, and the `prices` [T] that trades fill at."""

    rows: NDArray[np.float32]
    prices: NDArray[np.float64]


def throughput_bars(count: int, seed: int = 0) -> Bars:
    """A planted market whose bars have eight raw features: five of our own, two views and one of noise."""
    return planted_bars("easy", count, seed, noise_columns=FEATURES - 7).bars


def raw_table(bars: Bars) -> Table:
    """The raw features of `bars`, without our averages over them."""
    market = open_market(bars, parts_of(bars), Costs(side=FEE), "cpu")
    scales = market.features.shape[1] // len(market.names)
    return Table(market.features[:, ::scales].contiguous().numpy(), bars.open)


def parts_of(bars: Bars) -> Split:
    """The split of our defaults: 60 / 15 / 25 %, purged by the longest horizon."""
    return split_bars(len(bars), LONGEST, validation_share=0.15, test_share=0.25, bucket="Scalping")
