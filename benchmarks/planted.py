"""Markets whose true drift is known, and the most that a filter who knows their dynamics earns from them.

Three hidden autoregressive trends drift the price; two columns see two of them through noise. A learner is judged by the
share it earns of what `kalman_ceiling` earns on the same bars after the same costs.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import islice, product
from typing import Literal

import numpy as np
import torch
from attrs import field, frozen
from numpy.typing import NDArray

from progressive_market.bars import Bars
from progressive_market.bars.synthetic import (
    HALF_LIVES,
    NOISE,
    REGIME_DRIFT,
    autoregressive,
    clusters,
    made_up,
    regimes,
)
from progressive_market.fills import Costs, fill_returns, log_growth

Floats = NDArray[np.float64]
Kind = Literal["easy", "hard", "random_walk"]

DRIFTS = (8e-4, 6e-4, 3e-4)  # log return a bar, for one standard deviation of each trend
VIEWS = {  # which trend each column sees, and the deviation of its noise, where the trends' own is 1
    "view_fast": (0, 1.0),
    "view_slow": (1, 1.5),
    "view_slowest": (2, 1.0),
    "view_fast_dim": (0, 2.0),
    "view_slow_dim": (1, 2.5),
    "view_slowest_dim": (2, 2.0),
}
DELAYED_SHARE = 0.3  # deviation of what a delayed signal moves, where that of the rest is 1
CONTEXT_BARS = 300  # mean length of a context
NOISE_HALF_LIVES = (0.1, 5, 20, 60, 250, 1000)  # bars, of the columns that mean nothing

LOOK_AHEADS = (1, 5, 10, 20, 40, 80, 160)  # bars, what the ceiling's signal sums over
BANDS = np.geomspace(1e-4, 2e-2, 24)  # log return of the signal at which to take a position
EXITS = (-1.0, -0.5, 0.0, 0.5)  # and at which share of it to leave


@frozen(kw_only=True, eq=False)
class PlantedMarket:
    """Bars and the truth behind them.

    `drift[t]` is the expected log return from the close of bar t to the close of bar t + 1, which is what a position
    decided on bar t's close and filled at the next open earns. `scale` is the regime's multiple of the trends' drift,
    `volatility[t]` the deviation of bar t's own return, `context` the sign that the views are multiplied by. The trends'
    half-lives are `slowness` times the family's.
    """

    kind: Kind
    bars: Bars
    drift: Floats = field(repr=False)
    scale: Floats = field(repr=False)
    volatility: Floats = field(repr=False)
    context: Floats = field(repr=False)
    slowness: int = 1

    @property
    def decays(self) -> Floats:
        """What is left of each trend after a bar [3]."""
        return 0.5 ** (1 / (self.slowness * np.array(HALF_LIVES)))


@frozen(kw_only=True, eq=False)
class Ceiling:
    """What the filter earned on the bars asked for: net log return, its per-bar `positions` there (-1, 0, 1), and the
    signal tuned on the validation bars."""

    log_return: float
    validation_log_return: float
    turnover: float
    positions: Floats = field(repr=False)
    look_ahead: int
    band: float
    exit: float


def planted_bars(
    kind: Kind, bars: int, seed: int, noise_columns: int = 12, views: int = 2, slowness: int = 1, sign: float = 1.0
) -> PlantedMarket:
    """A market of the family that the first study used.

    :param kind: `easy`: two columns show two trends through noise; `hard`: both are multiplied by an observable slow
        context of +1 or -1; `random_walk`: the same columns, and a price that follows nothing.
    :param noise_columns: how many columns mean nothing, of several persistences.
    :param views: how many columns show a trend, up to 6.
    :param slowness: how many times longer the trends last.
    :param sign: -1 for views that say the opposite.
    """
    random = np.random.default_rng(seed)
    trends = np.stack([autoregressive(bars, slowness * half_life, random) for half_life in HALF_LIVES])
    scale = np.take(REGIME_DRIFT, regimes(bars, random))
    volatility = NOISE * clusters(bars, random)
    drift = scale * (np.array(DRIFTS) @ trends) if kind != "random_walk" else np.zeros(bars)
    returns = np.zeros(bars)
    returns[1:] = drift[:-1] + volatility[1:] * random.standard_normal(bars - 1)
    switches = random.random(bars) < 1 / CONTEXT_BARS
    context = np.where(np.cumsum(switches) % 2 == 0, 1.0, -1.0) if kind == "hard" else np.ones(bars)
    extra = {
        name: sign * context * (trends[trend] + deviation * random.standard_normal(bars))
        for name, (trend, deviation) in islice(VIEWS.items(), views)
    }
    if kind == "hard":
        extra["context"] = context
    for column in range(noise_columns):
        extra[f"noise_{column}"] = autoregressive(bars, NOISE_HALF_LIVES[column % len(NOISE_HALF_LIVES)], random)
    wick = 0.3 * volatility * random.exponential(size=(2, bars))
    volume = 100.0 * np.exp(
        0.5 * np.log(volatility / NOISE) + 20.0 * np.abs(returns) + 0.3 * random.standard_normal(bars)
    )
    market = made_up(
        returns, upper=wick[0], lower=wick[1], volume=volume, extra=extra, source=f"planted market {kind}, seed {seed}"
    )
    return PlantedMarket(
        kind=kind,
        bars=market,
        drift=drift,
        scale=scale,
        volatility=volatility,
        context=sign * context,
        slowness=slowness,
    )


def delayed_bars(delay: int, bars: int, seed: int, noise_columns: int = 4) -> Bars:
    """A market whose signal lives at one horizon: what column `signal` shows moves the price `delay` bars later.

    An outcome over fewer bars ends before the latest values count; one over more bars holds as much of the signal and
    more noise. So the horizon `delay` can be predicted best.
    """
    random = np.random.default_rng(seed)
    signal = random.standard_normal(bars)
    returns = NOISE * random.standard_normal(bars)
    returns[delay:] += DELAYED_SHARE * NOISE * signal[:-delay]
    returns[0] = 0.0
    extra = {"signal": signal} | {
        f"noise_{column}": autoregressive(bars, NOISE_HALF_LIVES[column % len(NOISE_HALF_LIVES)], random)
        for column in range(noise_columns)
    }
    wick = 0.3 * NOISE * random.exponential(size=(2, bars))
    volume = 100.0 * np.exp(0.3 * random.standard_normal(bars))
    return made_up(
        returns,
        upper=wick[0],
        lower=wick[1],
        volume=volume,
        extra=extra,
        source=f"market that moves {delay} bars after its signal, seed {seed}",
    )


def kalman_ceiling(
    market: PlantedMarket,
    *,
    validation: tuple[int, int],
    test: tuple[int, int],
    fee: float = 0.001,
    slippage: float = 0.0,
) -> Ceiling:
    """What a filter with the true dynamics earns on `test`, with its no-trade band tuned on `validation`.

    It decides on bar t's close and fills at the open of t + 1, from flat at the first bar of a range.

    :param validation: first bar and the one after the last.
    :param test: the same; both must end two bars before the market does, for the last fill's return to exist.
    """
    trends, kept = filtered_trends(market), market.decays
    cost = fee + slippage
    best: tuple[float, int, float, float] | None = None
    for look_ahead in (market.slowness * bars for bars in LOOK_AHEADS):
        signal = market.scale * (trends @ (np.array(DRIFTS) * (1 - kept**look_ahead) / (1 - kept)))
        for band, leave in product(BANDS.tolist(), EXITS):
            positions = banded(signal[slice(*validation)], band, leave * band)
            earned = net_log_return(market.bars, positions, validation[0], cost)
            if best is None or earned > best[0]:
                best = (earned, look_ahead, band, leave)
    assert best is not None
    earned, look_ahead, band, leave = best
    signal = market.scale * (trends @ (np.array(DRIFTS) * (1 - kept**look_ahead) / (1 - kept)))
    positions = banded(signal[slice(*test)], band, leave * band)
    return Ceiling(
        log_return=net_log_return(market.bars, positions, test[0], cost),
        validation_log_return=earned,
        turnover=float(np.abs(np.diff(positions, prepend=0.0)).sum()),
        positions=positions,
        look_ahead=look_ahead,
        band=band,
        exit=leave,
    )


@lru_cache(maxsize=1)
def filtered_trends(market: PlantedMarket) -> Floats:
    """The expectation of the three trends at each bar, given the returns and views up to it (bars x 3).

    Kalman's filter with every parameter known, one scalar observation at a time: first the bar's return, which tells
    of the trends at the bar before, then the views of the trends now.
    """
    bars = len(market.bars)
    kept = market.decays
    grow = np.outer(kept, kept)
    shock = np.diag(1 - kept**2)
    returns = np.diff(np.log(market.bars.close), prepend=np.log(market.bars.open[0]))
    loadings = market.scale[:, None] * np.array(DRIFTS) if market.kind != "random_walk" else np.zeros((bars, 3))
    views = [
        (trend, market.bars.extra[name] * market.context, deviation**2)
        for name, (trend, deviation) in VIEWS.items()
        if name in market.bars.extra
    ]
    mean, spread = np.zeros(3), np.eye(3)
    out = np.empty((bars, 3))
    for bar in range(bars):
        if bar:
            seen = loadings[bar - 1]
            reach = spread @ seen
            gain = reach / (seen @ reach + market.volatility[bar] ** 2)
            mean = kept * (mean + gain * (returns[bar] - seen @ mean))
            spread = grow * (spread - np.outer(gain, reach)) + shock
        for trend, view, noise in views:
            reach = spread[trend]
            gain = reach / (reach[trend] + noise)
            mean = mean + gain * (view[bar] - mean[trend])
            spread = spread - np.outer(gain, reach)
        out[bar] = mean
    return out


def banded(signal: Floats, band: float, leave: float) -> Floats:
    """Long from where the signal exceeds `band` to where it is under `leave` (at least -band), short the other way."""
    return _leg(signal > band, signal < leave) - _leg(signal < -band, signal > -leave)


def _leg(enter: NDArray[np.bool_], leave: NDArray[np.bool_]) -> Floats:
    last = np.maximum.accumulate(np.where(enter | leave, np.arange(len(enter)), -1))
    return np.where(last >= 0, enter[last], False).astype(float)


def net_log_return(bars: Bars, positions: Floats, start: int, cost: float) -> float:
    """Log of final over initial equity of `positions` decided from bar `start` on, from flat, sold at the last fill.

    They are counted as the program counts its own: units stay the same between trades, and `cost` is the share of the traded
    amount that is lost.
    """
    part = slice(start, start + len(positions) + 2)
    opens = torch.from_numpy(bars.open[part])
    returns, exists = fill_returns(opens)
    held = torch.nn.functional.pad(torch.from_numpy(positions), (0, 2))
    return float(log_growth(held, returns, exists, Costs(side=cost)).sum())
