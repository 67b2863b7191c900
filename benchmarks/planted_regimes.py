"""Markets of two volatility regimes, what of them depends on the regime, and the most that a filter who knows it earns.

The dynamics are those of planted.py. No column shows the regime but through how much the price moves. A hidden
Markov model of the returns that knows both deviations is right on some 96 % of the bars, a day's mean of their squares on 91 %.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray
from planted import DRIFTS, NOISE_HALF_LIVES, VIEWS, Ceiling, Floats, PlantedMarket, kalman_ceiling

from progressive_market.bars.synthetic import HALF_LIVES, REGIME_BARS, autoregressive, made_up
from progressive_market.split import Split

RegimeKind = Literal["half", "half_wild", "flip", "still", "walk"]

VOLATILITY = (0.0048, 0.0074)  # deviation of a bar's log return in each regime
STRENGTH: dict[RegimeKind, tuple[float, float]] = {  # multiple of the drift of planted.py in each regime
    "half": (0.9, 0.0),
    "half_wild": (0.0, 1.5),
    "flip": (0.9, 0.9),
    "still": (0.9, 0.9),
    "walk": (0.0, 0.0),
}
SHOWN = ("view_fast", "view_slow")  # of the columns of planted.py
NOISE_COLUMNS = 4


@frozen(kw_only=True, eq=False)
class RegimeMarket:
    """`truth`: bars and what drifts them. `regime` [T]: 0 where the market is calm, 1 where it is not; each lasts
    `REGIME_BARS` on average."""

    kind: RegimeKind
    truth: PlantedMarket
    regime: NDArray[np.int64] = field(repr=False)

    @property
    def probabilities(self) -> NDArray[np.float32]:
        """The truth as a detector would give it [T, 2]."""
        return np.eye(2, dtype=np.float32)[self.regime]


def regime_bars(kind: RegimeKind, bars: int, seed: int, noise_columns: int = NOISE_COLUMNS) -> RegimeMarket:
    """A market of two volatility regimes.

    :param kind: `half`: the drift lives in the calm regime alone, `half_wild`: in the other one; `flip`: two columns show the
        trends, and where the market is wild their negative; `still`: nothing but volatility depends on the regime; `walk`: there is no drift.
    """
    random = np.random.default_rng(seed)
    trends = np.stack([autoregressive(bars, half_life, random) for half_life in HALF_LIVES])
    regime = (int(random.integers(2)) + np.cumsum(random.random(bars) < 1 / REGIME_BARS)) % 2
    volatility = np.take(VOLATILITY, regime)
    scale = np.take(STRENGTH[kind], regime)
    drift = scale * (np.array(DRIFTS) @ trends)
    returns = np.zeros(bars)
    returns[1:] = drift[:-1] + volatility[1:] * random.standard_normal(bars - 1)
    context = np.where(regime == 1, -1.0, 1.0) if kind == "flip" else np.ones(bars)
    extra: dict[str, Floats] = {}
    for name in SHOWN:
        trend, deviation = VIEWS[name]
        extra[name] = context * (trends[trend] + deviation * random.standard_normal(bars))
    for column in range(noise_columns):
        extra[f"noise_{column}"] = autoregressive(bars, NOISE_HALF_LIVES[column % len(NOISE_HALF_LIVES)], random)
    wick = 0.3 * volatility * random.exponential(size=(2, bars))
    volume = 100.0 * np.exp(20.0 * np.abs(returns) + 0.3 * random.standard_normal(bars))
    source = f"market of two regimes, {kind}, seed {seed}"
    made = made_up(returns, upper=wick[0], lower=wick[1], volume=volume, extra=extra, source=source)
    truth = PlantedMarket(
        kind="random_walk" if kind == "walk" else "easy",
        bars=made,
        drift=drift,
        scale=scale,
        volatility=volatility,
        context=context,
    )
    return RegimeMarket(kind=kind, truth=truth, regime=regime)


def regime_ceiling(market: RegimeMarket, split: Split, fresh: tuple[int, int], cost: float) -> Ceiling:
    """What a filter who knows dynamics and regime earns on the `fresh` bars (first, and the one after the last that may be
    decided on), its no-trade band tuned on the validation part of `split`."""
    validation = (split.validation.start, split.validation.stop)
    return kalman_ceiling(market.truth, validation=validation, test=fresh, fee=cost)
