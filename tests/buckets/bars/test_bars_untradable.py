"""Prices at which nobody could have traded are refused by name, those of markets never."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from progressive_market.bars import clean, load_bars
from progressive_training import DataError

HOUR = 3600 * 10**9
BARS = 3000
PRICES = ["open", "high", "low", "close"]


def market(seed: int, bars: int = BARS, autoregression: float = 0.0, still: float = 0.0) -> pd.DataFrame:
    """Prices of two decimals. Some of the bars may be still: no trade, the price of before."""
    random = np.random.default_rng(seed)
    moves = 0.004 * random.standard_t(4, bars)
    for bar in range(1, bars if autoregression else 0):
        moves[bar] += autoregression * moves[bar - 1]
    quiet = random.random(bars) < still
    moves[quiet] = 0.0
    close = (20_000 * np.exp(np.cumsum(moves))).round(2)
    opened = np.concatenate([[20_000.0], close[:-1]])
    wicks = np.where(quiet, 0.0, 0.001 * random.exponential(size=(2, bars)))
    return pd.DataFrame(
        {
            "open": opened,
            "high": (np.maximum(opened, close) * np.exp(wicks[0])).round(2),
            "low": (np.minimum(opened, close) / np.exp(wicks[1])).round(2),
            "close": close,
            "volume": random.lognormal(2, 1, bars),
        }
    )


def heikin_ashi(frame: pd.DataFrame) -> pd.DataFrame:
    close = frame[PRICES].mean(axis=1).to_numpy()
    opened = np.empty(len(frame))
    opened[0] = (frame.open.iloc[0] + frame.close.iloc[0]) / 2
    for bar in range(1, len(frame)):
        opened[bar] = (opened[bar - 1] + close[bar - 1]) / 2
    high = np.maximum.reduce([frame.high, opened, close])
    return frame.assign(open=opened, high=high, low=np.minimum.reduce([frame.low, opened, close]), close=close)


def rounded(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(**{name: frame[name].round(2) for name in PRICES})


def averaged(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(**{name: frame[name].rolling(10).mean() for name in PRICES}).iloc[9:]


def exponential(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(**{name: frame[name].ewm(span=12).mean() for name in PRICES})


def averaged_closes(frame: pd.DataFrame) -> pd.DataFrame:
    close = frame.close.rolling(20).mean().bfill()
    opened = close.shift(1).fillna(close.iloc[0])
    return frame.assign(open=opened, high=np.maximum(opened, close), low=np.minimum(opened, close), close=close)


def typical(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(close=((frame.high + frame.low + frame.close) / 3).round(2))


def back_adjusted(frame: pd.DataFrame) -> pd.DataFrame:
    factor = np.exp(np.linspace(-0.3, 0, len(frame)))
    return frame.assign(**{name: frame[name] * factor for name in PRICES})


def single_precision(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.astype("float32").astype("float64")


KINDS: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], str]] = {
    "heikin ashi": (heikin_ashi, "Heikin-Ashi"),
    "heikin ashi of two decimals": (lambda frame: rounded(heikin_ashi(frame)), "Heikin-Ashi"),
    "heikin ashi of single precision": (lambda frame: single_precision(heikin_ashi(frame)), "Heikin-Ashi"),
    "heikin ashi near 1": (
        lambda frame: heikin_ashi(frame.assign(**{name: frame[name] / 20_000 for name in PRICES})),
        "Heikin-Ashi",
    ),
    "heikin ashi of averages": (lambda frame: heikin_ashi(exponential(frame)), "Heikin-Ashi"),
    "simple average": (averaged, "averaged"),
    "simple average of two decimals": (lambda frame: rounded(averaged(frame)), "averaged"),
    "exponential average": (exponential, "averaged"),
    "averages of closes": (averaged_closes, "averaged"),
    "typical price": (typical, "typical price"),
    "growing factor": (back_adjusted, "back-adjusted"),
}


def cleaned(frame: pd.DataFrame) -> None:
    time = 1_577_836_800 * 10**9 + HOUR * np.arange(len(frame), dtype=np.int64)
    clean(time, {name: frame[name].to_numpy() for name in frame}, source="rows")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_prices_that_cannot_be_traded_are_refused_by_name(kind: str, seed: int) -> None:
    change, name = KINDS[kind]
    with pytest.raises(DataError, match=f"cannot be traded: .*{name}"):
        cleaned(change(market(seed)))


def test_the_same_of_a_file(tmp_path: Path) -> None:
    frame = heikin_ashi(market(1))
    frame.insert(0, "time", pd.date_range("2024-01-01", periods=len(frame), freq="h", tz="UTC"))
    frame.to_csv(tmp_path / "bars.csv", index=False)
    with pytest.raises(DataError, match=r"bars.csv: .*cannot be traded: from 2024-01-01T00:00:00Z on .*Heikin-Ashi"):
        load_bars(tmp_path / "bars.csv")


def test_a_part_of_the_bars_is_enough() -> None:
    frame = market(4)
    frame.iloc[1000:2000] = heikin_ashi(frame.iloc[1000:2000])
    with pytest.raises(DataError, match="2020-02-.*Heikin-Ashi"):
        cleaned(frame)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 1000), st.sampled_from([0.0, 0.3, -0.3]), st.sampled_from([0.0, 0.5, 0.95]), st.integers(100, BARS)
)
def test_prices_of_a_market_are_never_refused(seed: int, autoregression: float, still: float, bars: int) -> None:
    cleaned(market(seed, bars, autoregression, still))


@pytest.mark.parametrize("decimals", [0, -1, -2])
def test_coarse_prices_are_never_refused(decimals: int) -> None:
    for seed in range(5):
        frame = market(seed)
        cleaned(frame.assign(**{name: frame[name].round(decimals) for name in PRICES}))


def test_a_curve_drawn_by_a_formula_is_no_average() -> None:
    bar = np.arange(BARS)
    for close in (
        100 + 0.1 * bar,
        100 * 1.001**bar,
        100 + 20 * np.sin(bar / 3),
        100 + 20 * np.sin(bar / 20),
        100 + np.abs(bar % 40 - 20),
        np.full(BARS, 100.0),
    ):
        opened = np.concatenate([[100.0], close[:-1]])
        columns = {"open": opened, "high": np.maximum(opened, close) * 1.001, "low": np.minimum(opened, close) * 0.999}
        cleaned(pd.DataFrame(columns | {"close": close, "volume": np.ones(BARS)}))
        cleaned(pd.DataFrame(dict.fromkeys(PRICES, close) | {"volume": np.ones(BARS)}))
        cleaned(pd.DataFrame({"open": close - 0.5, "high": close + 1, "low": close - 1, "close": close, "volume": 1.0}))
