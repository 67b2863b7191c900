"""What a user must be told of the bars before training."""

import numpy as np
import pytest
from attrs import evolve

from progressive_market.bars import Bars, CleaningReport, doubts, synthetic_bars
from progressive_training import DataError

NOW = 1_800_000_000 * 10**9
HOUR = 3600 * 10**9


def bars_until(end: int, count: int = 500) -> Bars:
    """Bars as if out of a clean file, the last of which opens at `end` (nanoseconds)."""
    time = end - HOUR * np.arange(count, dtype=np.int64)[::-1]
    return evolve(synthetic_bars(count, 1), time=time, synthetic=False, report=CleaningReport(source="bars.csv"))


def with_close(bars: Bars, close: np.ndarray) -> Bars:
    return evolve(bars, open=close, high=close, low=close, close=close)


def test_nothing_is_said_of_clean_bars() -> None:
    assert doubts(bars_until(NOW), NOW) == []
    assert doubts(bars_until(NOW + 24 * HOUR), NOW) == []  # a clock may be a day off


def test_bars_in_the_future_are_told() -> None:
    (told,) = doubts(bars_until(NOW + 26 * HOUR), NOW)
    assert told == "bars: 2 of 500 lie in the future, the first at 2027-01-16T09:00:00Z; check the times of the file"


def test_a_synthetic_market_is_told_however_far_it_reaches() -> None:
    (told,) = doubts(synthetic_bars(500, 1), now=0)
    assert "synthetic market" in told


def test_a_price_that_hardly_moves_is_told() -> None:
    close = 100.0 + np.arange(500) // 20
    (told,) = doubts(with_close(bars_until(NOW), close), NOW)
    assert "the close is that of the bar before on 95 % of the bars" in told
    assert doubts(with_close(bars_until(NOW), 100.0 + np.arange(500) // 5), NOW) == []


def test_a_price_that_never_moves_is_refused() -> None:
    with pytest.raises(DataError, match=r"bars.csv: the price is 100 on all 500 bars"):
        doubts(with_close(bars_until(NOW), np.full(500, 100.0)), NOW)


def test_what_cleaning_found_is_one_sentence() -> None:
    report = CleaningReport(gaps=2, missing=304, longest_gap=288, longest_gap_from="2023-12-31T00:00:00Z", filled=1)
    (told,) = doubts(evolve(bars_until(NOW), report=report), NOW)
    assert told == (
        "bars: 2 gaps (304 bars missing, the longest 288 from 2023-12-31 00:00 UTC), 1 absent bar filled flat"
    )
