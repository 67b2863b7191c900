"""Bars to write in many layouts."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

DATA = Path(__file__).resolve().parents[3] / ".." / "shared" / "data"


@pytest.fixture(scope="session")
def data_dir() -> Path:
    if not DATA.is_dir():
        pytest.skip("real bars (../shared/data) are not here")
    return DATA


@pytest.fixture
def frame() -> pd.DataFrame:
    """200 hourly bars from 2024-01-30 with prices of two decimals; volume in BTC, quote volume and trades beside it."""
    random = np.random.default_rng(7)
    close = (40_000 * np.exp(np.cumsum(0.004 * random.standard_normal(200)))).round(2)
    opened = np.concatenate([[40_010.25], close[:-1]])
    volume = random.lognormal(2, 1, 200).round(5)
    return pd.DataFrame(
        {
            "time": pd.date_range("2024-01-30", periods=200, freq="h", tz="UTC"),
            "open": opened,
            "high": (np.maximum(opened, close) + random.exponential(50, 200)).round(2),
            "low": (np.minimum(opened, close) - random.exponential(50, 200)).round(2),
            "close": close,
            "volume": volume,
            "quote_volume": (volume * close * 1.001).round(4),
            "trades": random.integers(100, 9000, 200),
        }
    )


@pytest.fixture
def file(frame: pd.DataFrame, tmp_path: Path) -> Path:
    """`frame` as CSV, with a gap of three bars."""
    path = tmp_path / "bars.csv"
    frame.drop(index=[50, 51, 52]).to_csv(path, index=False)
    return path
