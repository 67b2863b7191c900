"""The markets of the honesty table: walks that nobody can predict, edges that are barely there, and slow drift on one-minute bars."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import accumulate

import numpy as np
from attrs import evolve, field, frozen
from numpy.typing import NDArray
from planted import NOISE_HALF_LIVES

from progressive_market.bars import Bars
from progressive_market.bars.synthetic import NOISE, autoregressive, clusters, made_up, regimes

Floats = NDArray[np.float64]
Draw = np.random.Generator

BARS = 12_000
"""Of a walk and of a weak edge: little more than the Long bucket needs."""
NOISE_COLUMNS = 12
MINUTE = 60 * 10**9  # nanoseconds
FINE_NOISE = 5e-4  # deviation of a one-minute bar's log return
SLOW = 250  # bars, half-life of the drift that the honest column shows


def plain(bars: int, random: Draw) -> Floats:
    """Independent normal returns."""
    return NOISE * random.standard_normal(bars)


def garch(bars: int, random: Draw) -> Floats:
    """GARCH(1, 1), persistence 0.97 (Bollerslev 1986)."""
    arch, kept = 0.09, 0.88
    shocks = random.standard_normal(bars)

    def following(variance: float, shock: float) -> float:
        return (1 - arch - kept) + (arch * shock**2 + kept) * variance

    variances = list(accumulate(shocks[:-1].tolist(), following, initial=1.0))
    return np.asarray(NOISE * np.sqrt(variances) * shocks)


def heavy_tails(bars: int, random: Draw) -> Floats:
    """Independent returns with Student's t of three degrees of freedom."""
    return np.asarray(NOISE * random.standard_t(3, bars) / np.sqrt(3))


def clustered(bars: int, random: Draw) -> Floats:
    """Normal returns whose volatility comes and goes over days."""
    return NOISE * clusters(bars, random) * random.standard_normal(bars)


WALKS: dict[str, Callable[[int, Draw], Floats]] = {
    "plain": plain,
    "garch": garch,
    "heavy tails": heavy_tails,
    "clusters": clustered,
}


def walk_bars(kind: str, seed: int, bars: int = BARS) -> Bars:
    """A driftless random walk with columns that mean nothing."""
    random = np.random.default_rng(seed)
    return shown(WALKS[kind](bars, random), random, f"walk {kind}, seed {seed}")


@frozen
class Edge:
    """What a weak edge adds to the returns of a walk, and how it shows: in the volume, or in columns."""

    returns: Floats
    volume: Floats | float = 0.0
    """Log of the volume's factor."""
    columns: dict[str, Floats] = field(factory=dict)


def first_order(returns: Floats, strength: float, random: Draw) -> Edge:
    """AR(1): a bar's return is followed by `strength` times itself."""
    steps: list[float] = returns.tolist()
    following = np.array(list(accumulate(steps, lambda last, new: strength * last + new)))
    return Edge(following - returns)


def slow_momentum(returns: Floats, strength: float, random: Draw) -> Edge:
    """A drift of that deviation and a half-life of `SLOW` bars, seen in the price alone."""
    return Edge(delayed(strength * autoregressive(len(returns), SLOW, random)))


def volume_only(returns: Floats, strength: float, random: Draw) -> Edge:
    """A drift of that deviation that swells the volume, and shows nowhere else."""
    trend = autoregressive(len(returns), 20, random)
    return Edge(delayed(strength * trend), volume=0.5 * (trend + random.standard_normal(len(trend))))


def one_regime(returns: Floats, strength: float, random: Draw) -> Edge:
    """A drift that a column shows, in one of three regimes; the volume shows which."""
    trend, regime = autoregressive(len(returns), 20, random), regimes(len(returns), random)
    column = trend + random.standard_normal(len(trend))
    return Edge(delayed(strength * trend * (regime == 0)), volume=0.8 * regime, columns={"view": column})


def hour_of_day(returns: Floats, strength: float, random: Draw) -> Edge:
    """A drift that swings once a day; columns show the hour, as a user would add them."""
    angle = 2 * np.pi * np.arange(len(returns)) / 24
    hours = {"hour_sine": np.sin(angle), "hour_cosine": np.cos(angle)}
    return Edge(delayed(strength * np.sqrt(2) * np.sin(angle + 1.0)), columns=hours)


def delayed(drift: Floats) -> Floats:
    """The drift known at a bar's close moves the next bar."""
    return np.concatenate([[0.0], drift[:-1]])


WEAK: dict[str, Callable[[Floats, float, Draw], Edge]] = {
    "AR(1)": first_order,
    "slow momentum": slow_momentum,
    "volume only": volume_only,
    "one regime": one_regime,
    "hour of day": hour_of_day,
}
STRENGTHS: dict[str, tuple[float, ...]] = {
    "AR(1)": (0.08, 0.11, 0.14),
    "slow momentum": (8e-4, 10e-4, 13e-4),
    "volume only": (5e-4, 7e-4, 9e-4),
    "one regime": (18e-4, 25e-4),
    "hour of day": (4e-4, 6e-4),
}
"""Such that a t of 3 to 6 is there for who knows the rule, without a fee; chosen on seeds 8000 to 8004."""


def weak_bars(kind: str, strength: float, seed: int, bars: int = BARS) -> Bars:
    """A walk with a weak edge, and columns that mean nothing."""
    random = np.random.default_rng(seed)
    walk = clustered(bars, random)
    edge = WEAK[kind](walk, strength, random)
    return shown(walk + edge.returns, random, f"{kind} {strength:g}, seed {seed}", edge.volume, edge.columns)


def fine_bars(drift: float, seed: int, bars: int) -> Bars:
    """One-minute bars of 5 bp, a slow drift of the deviation `drift`, and an honest column that shows it through noise."""
    random = np.random.default_rng(seed)
    trend = autoregressive(bars, SLOW, random)
    returns = FINE_NOISE * clusters(bars, random) * random.standard_normal(bars) + delayed(drift * trend)
    columns = {"view": trend + random.standard_normal(bars)}
    made = shown(returns, random, f"one-minute drift of {drift:g}, seed {seed}", columns=columns, noise=FINE_NOISE)
    return every(made, MINUTE)


def shown(
    returns: Floats,
    random: Draw,
    source: str,
    volume: Floats | float = 0.0,
    columns: dict[str, Floats] | None = None,
    noise: float = NOISE,
) -> Bars:
    """Hourly bars of these log returns, with wicks and volume that know no more than they do, and noise columns."""
    bars = len(returns)
    wick = 0.3 * noise * random.exponential(size=(2, bars))
    traded = np.exp(volume + 0.12 * np.abs(returns) / noise + 0.3 * random.standard_normal(bars))
    extra = dict(columns or {}) | dict(noise_columns(bars, random))
    return made_up(returns, upper=wick[0], lower=wick[1], volume=100.0 * traded, extra=extra, source=source)


def noise_columns(bars: int, random: Draw) -> Iterable[tuple[str, Floats]]:
    """Columns that mean nothing, of several persistences."""
    for column in range(NOISE_COLUMNS):
        half_life = NOISE_HALF_LIVES[column % len(NOISE_HALF_LIVES)]
        yield f"noise_{column}", autoregressive(bars, half_life, random)


def every(bars: Bars, interval: int) -> Bars:
    """The same bars that many nanoseconds apart."""
    time = bars.time[0] + interval * np.arange(len(bars), dtype=np.int64)
    return evolve(bars, time=time, interval=interval)
