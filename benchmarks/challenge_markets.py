"""Markets on which an honest training gives a model with one known fault, or with none that is known."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray
from planted import planted_bars

from progressive_market.bars import Bars
from progressive_market.bars.synthetic import NOISE, autoregressive, made_up

FAULTS = ("instant fill", "cheap costs", "one feed")
TIP = 0.3
"""What a tip moves the next bar, in deviations of the rest."""
VIEW_NOISE = 0.5
"""Deviation of the noise of each view, where that of what it sees is 1."""
TREND, HALF_LIFE = 0.12, 20
"""What the trend that one column sees moves a bar, in deviations of the rest, and bars after which half of it is left."""
TURNS = 1 / 20
"""Share of the bars on which the thin trend turns: a trade lasts 20 bars."""
THIN_SIDE = 2e-4
"""What a side of a trade costs on the market with the thin edge, and `THIN_EDGE` is how many times that its trades earn before costs."""
THIN_EDGE = 1.6
THIN_NOISE = 2e-4
"""Deviation of a bar there: as of minute bars."""
SETTINGS: dict[str, dict[str, Any]] = {
    "instant fill": {"FEE": 3e-4, "SLIPPAGE": 1e-4, "ALLOW_LEAK": ["view_a", "view_b"]},
    "cheap costs": {"FEE": THIN_SIDE, "SLIPPAGE": 0.0},
}
"""Where they are not the defaults."""


def faulty_market(fault: str, bars: int, seed: int) -> Bars:
    """A market whose model has the `fault`, or, where it is empty, one with several views of each of several trends."""
    if fault == "instant fill":
        return instant_market(bars, seed)
    if fault == "cheap costs":
        return thin_market(bars, seed)
    if fault == "one feed":
        return single_market(bars, seed)
    return planted_bars("easy", bars, seed, views=6).bars


def instant_market(bars: int, seed: int) -> Bars:
    """Two columns see, through noise, what moves the next bar and no later one: the edge decays in one bar."""
    random = np.random.default_rng(seed)
    tip, returns = random.standard_normal(bars), NOISE * random.standard_normal(bars)
    returns[1:] += TIP * NOISE * tip[:-1]
    return _market(returns, tip, random, "market whose edge lasts one bar", seed)


def thin_market(bars: int, seed: int) -> Bars:
    """Two columns see a trend of one strength that turns now and then, and earns little more than two sides of a trade cost."""
    random = np.random.default_rng(seed)
    turned = np.where(random.random(bars) < TURNS, -1.0, 1.0)
    trend = np.fromiter(accumulate(turned.tolist(), lambda side, turn: side * turn), float, bars)
    returns = THIN_NOISE * random.standard_normal(bars)
    returns[1:] += THIN_EDGE * THIN_SIDE * 2 * TURNS * trend[:-1]
    return _market(returns, trend, random, "market with a thin edge", seed)


def single_market(bars: int, seed: int) -> Bars:
    """One column sees a trend that the price itself hardly shows; three mean nothing."""
    random = np.random.default_rng(seed)
    trend, returns = autoregressive(bars, HALF_LIFE, random), NOISE * random.standard_normal(bars)
    returns[1:] += TREND * NOISE * trend[:-1]
    return _market(returns, trend, random, "market that one column tells of", seed, views=("signal",))


def _market(
    returns: NDArray[np.float64],
    seen: NDArray[np.float64],
    random: np.random.Generator,
    name: str,
    seed: int,
    views: Sequence[str] = ("view_a", "view_b"),
) -> Bars:
    count, deviation = len(returns), float(returns.std())
    returns[0] = 0.0
    told = {name: seen + VIEW_NOISE * random.standard_normal(count) for name in views}
    noise = {f"noise_{each}": autoregressive(count, 20, random) for each in range(3)}
    wick = 0.3 * deviation * random.exponential(size=(2, count))
    volume = 100.0 * np.exp(0.3 * random.standard_normal(count))
    return made_up(
        returns, upper=wick[0], lower=wick[1], volume=volume, extra=told | noise, source=f"{name}, seed {seed}"
    )
