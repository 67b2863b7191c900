"""Bars are those of one market: a file of several is refused by their names, and one of them can be chosen."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from progressive_market.bars import Bars, configured_bars, load_bars
from progressive_training import DataError

PLAIN = ["time", "open", "high", "low", "close", "volume"]


def of_market(frame: pd.DataFrame, factor: float) -> pd.DataFrame:
    """The bars of another market, whose prices and volumes stand in this proportion to those of `frame`."""
    return frame[PLAIN].assign(**{name: frame[name] * factor for name in PLAIN[1:]})


def long(markets: dict[Any, pd.DataFrame], column: str) -> pd.DataFrame:
    """Markets below one another, by time, each row with the name of its market."""
    return pd.concat([bars.assign(**{column: name}) for name, bars in markets.items()]).sort_values(
        "time", kind="stable"
    )


def assert_same(bars: Bars, frame: pd.DataFrame) -> None:
    np.testing.assert_array_equal(bars.time, frame["time"].dt.as_unit("ns").astype("int64"))
    for name in PLAIN[1:]:
        np.testing.assert_array_equal(getattr(bars, name), frame[name], err_msg=name)


def test_a_market_of_a_symbol_column_is_chosen_however_it_is_spelt(frame: pd.DataFrame) -> None:
    table = long({"BTC/USD": of_market(frame, 1), "ETH/USD": of_market(frame, 0.05)}, "symbol")
    with pytest.raises(DataError, match=r"names 2 markets \(BTC/USD, ETH/USD\).*--market BTC/USD \(MARKET\)"):
        load_bars(table)
    for spelling in ("ETH/USD", "eth-usd", "ETHUSD"):
        bars = load_bars(table, market=spelling)
        assert_same(bars, of_market(frame, 0.05))
        assert bars.report.market == "ETH/USD"


def test_a_market_that_is_not_there_is_refused_with_those_that_are(frame: pd.DataFrame) -> None:
    table = long({"BTC/USD": of_market(frame, 1), "ETH/USD": of_market(frame, 0.05)}, "symbol")
    with pytest.raises(DataError, match=r"no market 'SOL-USD'; BTC/USD, ETH/USD are there"):
        load_bars(table, market="SOL-USD")
    with pytest.raises(DataError, match="market 'SOL-USD' is asked for, and no market is named there"):
        load_bars(frame, market="SOL-USD")


def test_the_only_market_is_named_in_the_report(frame: pd.DataFrame) -> None:
    assert load_bars(frame.assign(symbol="BTCUSDT")).report.market == "BTCUSDT"
    assert load_bars(frame.assign(symbol="BTCUSDT"), market="BTC-USDT").report.market == "BTCUSDT"
    assert load_bars(frame).report.market == ""


def test_the_setting_chooses_and_kept_bars_are_those_of_one_market(frame: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    long({"BTC": of_market(frame, 1), "ETH": of_market(frame, 0.5)}, "symbol").to_csv(path, index=False)
    settings = {"DATA": str(path), "FREQUENCY": None, "FILL_MINUTES": 10, "SYNTHETIC_BARS": 500, "SEED": 3}
    for market, factor in (("BTC", 1), ("ETH", 0.5), ("BTC", 1)):
        bars = configured_bars(settings | {"MARKET": market}, tmp_path / "cache", 10**6)
        assert_same(bars, of_market(frame, factor))
        assert bars.report.market == market
    assert len(list((tmp_path / "cache").iterdir())) == 2
