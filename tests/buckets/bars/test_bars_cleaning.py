"""Rows become bars: in order, once each, gaps marked, all of it counted."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from progressive_market.bars import Bars, CleaningReport, clean
from progressive_training import DataError

MINUTE = 60 * 10**9
START = 1_700_000_040 * 10**9  # a whole minute


def rows(minutes: list[int], **changes: list[float]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    price = 100.0 + np.arange(len(minutes))
    columns = {"open": price, "high": price + 2, "low": price - 2, "close": price + 1, "volume": price * 0 + 5}
    columns |= {name: np.array(values, dtype=float) for name, values in changes.items()}
    return START + MINUTE * np.array(minutes, dtype=np.int64), columns


def cleaned(minutes: list[int], fill_minutes: float = 10, **changes: list[float]) -> Bars:
    return clean(*rows(minutes, **changes), source="rows", fill_minutes=fill_minutes)


def minutes_of(bars: Bars) -> list[int]:
    return ((bars.time - START) // MINUTE).tolist()


def test_rows_out_of_order_are_sorted_and_counted() -> None:
    bars = cleaned([0, 1, 3, 2, 4])
    assert minutes_of(bars) == [0, 1, 2, 3, 4]
    assert bars.close.tolist() == [101, 102, 104, 103, 105]
    assert bars.report.disorder == 1
    assert bars.report.first_times["disorder"] == ("2023-11-14T22:16:00Z",)


def test_newest_first_is_an_order_not_a_disorder() -> None:
    bars = cleaned([4, 3, 2, 1, 0])
    assert minutes_of(bars) == [0, 1, 2, 3, 4]
    assert bars.report.disorder == 0
    assert any("newest" in note for note in bars.report.notes)
    assert all(values.flags.c_contiguous and values.flags.writeable for values in (bars.close, bars.time))


def test_the_last_row_of_a_time_is_kept() -> None:
    bars = cleaned(
        [0, 1, 1, 2, 2], volume=[1, 2, 3, 4, 4], close=[101, 102, 103, 104, 104], open=[100] * 5, low=[90] * 5
    )
    assert bars.volume.tolist() == [1, 3, 4]
    assert (bars.report.duplicates, bars.report.conflicting) == (2, 2)  # the highs differ in both


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("close", np.nan),
        ("low", 0.0),
        ("low", -1.0),
        ("high", 101.5),
        ("low", 102.5),
        ("high", np.inf),
        ("volume", -1.0),
    ],
)
def test_a_bar_that_cannot_be_is_dropped(column: str, value: float) -> None:
    time, columns = rows([0, 1, 2, 3, 4])
    columns[column][2] = value
    bars = clean(time, columns, source="rows", fill_minutes=0)
    assert minutes_of(bars) == [0, 1, 3, 4]
    assert bars.report.bad == 1
    assert bars.report.first_times["bad"] == ("2023-11-14T22:16:00Z",)
    assert bars.segment.tolist() == [0, 0, 1, 1]


def test_mostly_bad_rows_are_refused_with_what_was_expected() -> None:
    with pytest.raises(DataError, match=r"rows: 5 of 5 rows are not bars .*low <= open, close <= high"):
        cleaned([0, 1, 2, 3, 4], high=[1] * 5)


def test_a_short_quiet_stretch_is_filled_flat_and_a_long_one_is_a_gap() -> None:
    bars = cleaned([0, 1, 4, 5, 17, 18], fill_minutes=10, trades=[7] * 6, mood=[1, 2, 3, 4, 5, 6])
    assert minutes_of(bars) == [0, 1, 2, 3, 4, 5, 17, 18]
    assert bars.segment.tolist() == [0, 0, 0, 0, 0, 0, 1, 1]
    for prices in (bars.open, bars.high, bars.low, bars.close):
        assert prices[2:4].tolist() == [102, 102]
    assert bars.volume.tolist() == [5, 5, 0, 0, 5, 5, 5, 5]
    assert bars.extra["trades"].tolist() == [7, 7, 0, 0, 7, 7, 7, 7]
    assert bars.extra["mood"].tolist() == [1, 2, 2, 2, 3, 4, 5, 6]
    report = bars.report
    assert (report.filled, report.gaps, report.missing, report.longest_gap, report.zero_volume) == (2, 1, 11, 11, 0)
    assert report.first_times["gaps"] == ("2023-11-14T22:31:00Z",)
    assert report.first_times["filled"][0] == "2023-11-14T22:16:00Z"


@pytest.mark.parametrize(("fill_minutes", "gaps"), [(0, 2), (1, 2), (2, 1), (3, 0)])
def test_the_longest_stretch_that_is_filled(fill_minutes: float, gaps: int) -> None:
    assert cleaned([0, 1, 2, 5, 6, 10, 11], fill_minutes=fill_minutes).report.gaps == gaps


def test_missing_extra_values_come_from_before_and_never_over_a_gap() -> None:
    nan = np.nan
    bars = cleaned([0, 1, 2, 30, 31, 32], mood=[nan, 4, nan, nan, 6, nan])
    np.testing.assert_array_equal(bars.extra["mood"], [nan, 4, 4, nan, 6, 6])
    assert bars.report.filled_extra == 2


def test_a_bar_off_the_grid_moves_back_unless_its_place_is_taken() -> None:
    time, columns = rows(list(range(40)))
    time[3] += 7 * 10**9  # alone in its minute
    time[5] = time[4] + 30 * 10**9  # a second row of minute 4
    bars = clean(time, columns, source="rows", fill_minutes=0)
    assert minutes_of(bars) == [0, 1, 2, 3, 4, *range(6, 40)]
    assert bars.close[4] == 105  # that of the bar that began on the grid
    assert (bars.report.off_grid, bars.report.duplicates) == (2, 1)


def at_local_midnight(zone: str, start: str, days: int, length: str) -> np.ndarray:
    """Opens, in UTC, of bars of `length` that begin at midnight of `zone`."""
    local = [
        pd.date_range(day, periods=pd.Timedelta("1D") // pd.Timedelta(length), freq=length).tz_localize(
            zone, ambiguous=True, nonexistent="shift_forward"
        )
        for day in pd.date_range(start, periods=days)
    ]
    return np.concatenate([day.tz_convert("UTC").to_numpy(dtype="datetime64[ns]").view(np.int64) for day in local])


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin", "Australia/Sydney"])
@pytest.mark.parametrize(
    ("start", "days"), [("2023-10-15", 300), ("2023-10-15", 250), ("2024-02-01", 90), ("2020-06-01", 1200)]
)
@pytest.mark.parametrize("length", ["1D", "12h", "4h"])
def test_bars_of_a_local_day_are_refused_by_their_cause(zone: str, start: str, days: int, length: str) -> None:
    time = at_local_midnight(zone, start, days, length)
    _, columns = rows(list(range(len(time))))
    with pytest.raises(DataError, match=r"local day.*daylight saving \(\d\d:00 to \d\d:00 UTC, first at 20.*UTC days"):
        clean(time, columns, source="rows")


@pytest.mark.parametrize("length", ["1D", "4h"])
def test_bars_that_are_late_by_an_hour_now_and_then_are_moved_as_others(length: str) -> None:
    time = at_local_midnight("UTC", "2023-10-15", 400, length)
    late = np.arange(len(time)) % 40 == 7
    bars = clean(time + late * 60 * MINUTE, rows(list(range(len(time))))[1], source="rows")
    np.testing.assert_array_equal(bars.time, time)
    assert bars.report.off_grid == late.sum()


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "Asia/Kolkata"])
def test_days_of_a_zone_without_daylight_saving_are_bars(zone: str) -> None:
    time = at_local_midnight(zone, "2023-10-15", 300, "1D")
    bars = clean(time, rows(list(range(len(time))))[1], source="rows")
    np.testing.assert_array_equal(bars.time, time)


def test_bars_of_no_regular_length_are_refused() -> None:
    with pytest.raises(DataError, match="no regular length"):
        cleaned([0, 7, 16, 23, 36, 41, 60])


@pytest.mark.parametrize("column", ["open", "close", "low"])
def test_every_second_price_missing_does_not_make_bars_of_twice_the_length(column: str) -> None:
    time, columns = rows(list(range(240)))
    columns[column][1::2] = np.nan
    with pytest.raises(DataError, match="are not bars") as refused:
        clean(time, columns, source="rows")
    for fact in ("120 of 240", "2023-11-14T22:15:00Z", "each 1min", "each 2min"):
        assert fact in str(refused.value)


@given(st.lists(st.booleans(), min_size=50, max_size=200))
def test_prices_missing_here_and_there_leave_the_bars_their_length(missing: list[bool]) -> None:
    time, columns = rows(list(range(len(missing) + 600)))
    columns["close"][100 : 100 + len(missing)][missing] = np.nan
    assert clean(time, columns, source="rows").interval == MINUTE


def test_too_few_bars_are_refused() -> None:
    with pytest.raises(DataError, match="1 usable bars, at least 2"):
        cleaned([0])


def test_the_report_is_json_and_comes_back() -> None:
    report = cleaned([0, 1, 4, 3, 3, 60]).report
    assert CleaningReport.from_json(json.loads(json.dumps(report.as_json()))) == report


def test_the_report_says_what_was_amiss_and_where() -> None:
    time, columns = rows([0, 1, 4, 3, 3, 60, 61, 122, 123])
    columns["volume"][1] = 0
    columns["low"][7] = -1
    report = clean(time, columns, source="rows", skipped=2).report
    assert report.troubles() == [
        "2 lines without the right number of fields skipped",
        "1 bad row dropped (no time, or prices that cannot be, first 2023-11-15 00:16 UTC)",
        "1 row of a time that comes again dropped, 1 with other values, first 2023-11-14 22:17 UTC",
        "1 row out of order sorted, first 2023-11-14 22:17 UTC",
        "2 gaps (116 bars missing, the longest 61 from 2023-11-14 23:16 UTC)",
        "1 absent bar filled flat, first 2023-11-14 22:16 UTC",
        "1 bar without volume, first 2023-11-14 22:15 UTC",
    ]
    assert cleaned(list(range(30))).report.troubles() == []


@given(st.lists(st.integers(0, 400), min_size=20, max_size=120), st.integers(0, 30))
def test_whatever_the_rows_the_bars_are_regular_in_each_segment(minutes: list[int], fill_minutes: int) -> None:
    minutes += list(range(1000, 1040))  # so that a minute is the commonest step
    bars = cleaned(minutes, fill_minutes)
    steps = np.diff(bars.time)
    same = np.diff(bars.segment) == 0
    assert (steps[same] == bars.interval).all()
    assert (steps[~same] > bars.interval + fill_minutes * MINUTE).all()
    assert set(minutes) <= set(minutes_of(bars))
    report = bars.report
    assert report.bars == report.rows - report.duplicates - report.bad + report.filled
    assert report.missing == int((steps // bars.interval - 1).sum())
