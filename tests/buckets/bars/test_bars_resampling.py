"""Longer bars from shorter ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from progressive_market.bars import Bars, clean, resample, synthetic_bars
from progressive_training import DataError

HOUR = 3600 * 10**9


def hours(present: list[int]) -> Bars:
    price = 100.0 + np.arange(len(present)) % 7
    time = 1_704_067_200 * 10**9 + HOUR * np.array(present)  # from 2024-01-01, a Monday
    columns = {"open": price, "high": price + 2, "low": price - 2, "close": price + 1, "volume": np.ones(len(price))}
    return clean(time, columns | {"trades": price, "mood": price}, source="rows", fill_minutes=0)


def test_a_longer_bar_holds_its_parts() -> None:
    longer = resample(hours(list(range(8))), "4h")
    assert longer.open.tolist() == [100, 104]
    assert longer.high.tolist() == [105, 108]
    assert longer.low.tolist() == [98, 98]
    assert longer.close.tolist() == [104, 101]
    assert longer.volume.tolist() == [4, 4]
    assert longer.extra["trades"].tolist() == [406, 415]
    assert longer.extra["mood"].tolist() == [103, 100]
    assert longer.interval == 4 * HOUR


@given(st.sets(st.integers(0, 200), min_size=40), st.sampled_from(["2h", "4h", "6h", "1D"]))
def test_only_whole_bars_are_made(present: set[int], frequency: str) -> None:
    bars = hours([*sorted(present), *range(300, 400)])
    longer = resample(bars, frequency)
    parts = longer.interval // HOUR
    assert (longer.volume == parts).all()
    assert (longer.time % longer.interval == 0).all()
    same = np.diff(longer.segment) == 0
    assert (np.diff(longer.time)[same] == longer.interval).all()
    assert (np.diff(longer.time)[~same] > longer.interval).all()
    buckets = {int(time) // longer.interval for time in bars.time}
    assert len(longer) + longer.report.partial == len(buckets)


def test_weeks_begin_on_monday() -> None:
    weeks = resample(hours(list(range(5, 24 * 29))), "1W")
    assert [str(np.datetime64(int(time), "ns"))[:10] for time in weeks.time] == [
        "2024-01-08",
        "2024-01-15",
        "2024-01-22",
    ]


@pytest.mark.parametrize(
    ("frequency", "message"),
    [
        ("30min", "finer than its bars of 1h"),
        ("90min", "no whole number"),
        ("soon", "is no bar length"),
        ("1M", "is no bar length"),
        ("-4h", "is no bar length"),
        ("30D", "not one whole bar"),
    ],
)
def test_a_frequency_that_cannot_be_is_refused_by_name(frequency: str, message: str) -> None:
    with pytest.raises(DataError, match=rf"FREQUENCY '{frequency}'.*{message}|{message}.*'{frequency}'"):
        resample(hours(list(range(100))), frequency)


@pytest.mark.parametrize("frequency", ["1h", "h", "60min", "1H"])
def test_the_bars_own_length_changes_nothing(frequency: str) -> None:
    bars = synthetic_bars(50, 0)
    assert resample(bars, frequency) is bars
