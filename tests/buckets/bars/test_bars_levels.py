"""Columns in the units of the price are found, become ratios to the close, and nothing else does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from progressive_market.bars import Bars, as_ratios, level_columns, load_bars, synthetic_bars
from progressive_market.bars.bar_records import FLOWS
from progressive_market.bars.synthetic import autoregressive, made_up

BARS = 4000


def market(seed: int, bars: int = BARS, deviation: float = 0.006, level: float = 10_000.0) -> Bars:
    random = np.random.default_rng(seed)
    wicks = 0.3 * deviation * random.exponential(size=(2, bars))
    made = made_up(
        deviation * random.standard_normal(bars),
        upper=wicks[0],
        lower=wicks[1],
        volume=random.lognormal(2, 1, bars),
        extra={},
        source="made up",
    )
    size = level / np.median(made.close)
    return evolve(made, **{name: getattr(made, name) * size for name in ("open", "high", "low", "close")})


def levels(bars: Bars) -> dict[str, np.ndarray]:
    close, random = pd.Series(bars.close), np.random.default_rng(5)
    day = np.arange(len(bars)) // 24
    return {
        "sma_20": close.rolling(20).mean().to_numpy(),
        "ema_200": close.ewm(span=200).mean().to_numpy(),
        "upper_band": (close.rolling(20).mean() + 2 * close.rolling(20).std()).to_numpy(),
        "vwap": close.groupby(day).expanding().mean().to_numpy(),
        "yesterday": close.groupby(day).transform("last").shift(24).to_numpy(),
        "forecast": bars.close * np.exp(0.01 * random.standard_normal(len(bars))),
        "other_exchange": bars.close * np.exp(autoregressive(len(bars), 50, random) / 2000),
    }


def no_levels(bars: Bars) -> dict[str, np.ndarray]:
    """Columns whose numbers are near those of the price."""
    size, random, count = float(np.median(bars.close)), np.random.default_rng(6), len(bars)
    moves = pd.Series(bars.close).diff().fillna(0)
    up, down = moves.clip(lower=0).ewm(alpha=1 / 14).mean(), (-moves).clip(lower=0).ewm(alpha=1 / 14).mean()
    greed = np.repeat(50 + 15 * autoregressive(count // 24 + 1, 20, random), 24)[:count]
    return {
        "rsi": (up / (up + down + 1e-12)).to_numpy() * 2 * size,
        "fear_and_greed": np.clip(greed, 5, 95) * size / 50,
        "open_interest": size * np.exp(np.cumsum(0.006 * random.standard_normal(count))),
        "turnover": size * random.lognormal(0, 1, count),
        "limit": np.full(count, size),
        "rounds": np.where(np.arange(count) < count // 2, size, 1.1 * size),
        "basis": random.normal(0, 1e-4, count),
    }


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("level", [1.0, 50.0, 60_000.0])
def test_levels_and_nothing_else_are_found(seed: int, level: float) -> None:
    bars = market(seed, level=level)
    wanted = levels(bars)
    found = level_columns(evolve(bars, extra=wanted | no_levels(bars)))
    assert found == tuple(wanted)


def test_a_slow_average_of_a_price_that_hardly_moves_is_a_level() -> None:
    for seed in range(10):
        bars = market(seed, bars=12_000, deviation=0.0004)
        average = pd.Series(bars.close).rolling(1000).mean().to_numpy()
        assert level_columns(evolve(bars, extra={"sma": average})) == ("sma",)


def test_flows_are_no_levels() -> None:
    bars = market(1)
    assert level_columns(evolve(bars, extra=dict.fromkeys(FLOWS, bars.close))) == ()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 30), st.integers(-8, 8))
def test_scaling_price_and_column_together_changes_nothing(seed: int, power: int) -> None:
    bars = market(seed, bars=1500)
    bars = evolve(bars, extra=levels(bars))
    factor = 10.0**power
    scaled = evolve(bars, **{name: getattr(bars, name) * factor for name in ("open", "high", "low", "close")})
    scaled = evolve(scaled, extra={name: values * factor for name, values in bars.extra.items()})
    assert level_columns(scaled) == level_columns(bars)
    for name, ratios in as_ratios(scaled, tuple(bars.extra)).extra.items():
        np.testing.assert_allclose(ratios, as_ratios(bars, (name,)).extra[name], rtol=0, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 30), st.floats(0.002, 0.02))
def test_a_forecast_as_a_price_and_as_a_ratio_are_one_table(seed: int, deviation: float) -> None:
    bars = synthetic_bars(3000, seed)
    forecast = np.random.default_rng(seed).normal(0, deviation, len(bars))
    priced = evolve(bars, extra={"forecast": bars.close * np.exp(forecast)})
    ratio = evolve(bars, extra={"forecast": forecast})
    assert level_columns(ratio) == ()
    assert level_columns(priced) == ("forecast",)
    np.testing.assert_allclose(as_ratios(priced, ("forecast",)).extra["forecast"], forecast, rtol=0, atol=1e-12)


def test_the_same_of_a_file(tmp_path: Path) -> None:
    bars = synthetic_bars(2500, 4)
    forecast = np.random.default_rng(4).normal(0, 0.01, len(bars))
    forecast[:12] = np.nan
    table = pd.DataFrame({name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")})
    table.insert(0, "time", pd.to_datetime(bars.time, utc=True))
    table.assign(forecast=forecast).to_parquet(tmp_path / "ratio.parquet")
    table.assign(forecast=table.close * np.exp(forecast)).to_parquet(tmp_path / "price.parquet")
    as_ratio, as_price = load_bars(tmp_path / "ratio.parquet"), load_bars(tmp_path / "price.parquet")
    np.testing.assert_allclose(
        as_ratios(as_price, level_columns(as_price)).extra["forecast"], as_ratio.extra["forecast"], atol=1e-12
    )


def test_what_is_not_positive_or_unknown_has_no_ratio() -> None:
    bars = market(1)
    average = bars.close.copy()
    average[:3] = [np.nan, 0.0, -1.0]
    ratios = as_ratios(evolve(bars, extra={"average": average, "mood": average}), ("average",))
    assert np.isnan(ratios.extra["average"][:3]).all()
    assert (ratios.extra["average"][3:] == 0).all()
    assert ratios.extra["mood"] is average
