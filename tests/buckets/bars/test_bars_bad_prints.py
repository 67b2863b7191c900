"""Bad prints are left out and named, stretches in another unit refused by their times, moves of the price kept."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from progressive_market.bars import Bars, CleaningReport, clean, doubts, synthetic_bars
from progressive_market.bars.prices.bad_prints import MOST
from progressive_training import DataError

HOUR = 3600 * 10**9
BARS = 240
Columns = dict[str, np.ndarray]

jump_factors = st.one_of(st.floats(3.5, 2000), st.floats(0.0005, 1 / 3.5))


def walk(seed: int, bars: int = BARS, deviation: float = 0.006) -> tuple[np.ndarray, Columns]:
    random = np.random.default_rng(seed)
    close = 20_000 * np.exp(np.cumsum(deviation * random.standard_normal(bars)))
    opened = np.concatenate([[20_000.0], close[:-1]])
    wicks = np.exp(0.3 * deviation * random.exponential(size=(2, bars)))
    columns = {
        "open": opened,
        "high": np.maximum(opened, close) * wicks[0],
        "low": np.minimum(opened, close) / wicks[1],
        "close": close,
        "volume": random.lognormal(2, 1, bars),
    }
    return 1_577_836_800 * 10**9 + HOUR * np.arange(bars, dtype=np.int64), columns


def times_factor(columns: Columns, bars: slice, factor: float, names: tuple[str, ...] = ()) -> None:
    for name in names or ("open", "high", "low", "close"):
        columns[name][bars] *= factor
    columns["high"] = np.maximum.reduce([columns[name] for name in ("open", "high", "close")])
    columns["low"] = np.minimum.reduce([columns[name] for name in ("open", "low", "close")])


def cleaned(time: np.ndarray, columns: Columns) -> Bars:
    return clean(time, columns, source="rows")


def first(bars: int, time: np.ndarray, columns: Columns) -> tuple[np.ndarray, Columns]:
    return time[:bars], {name: values[:bars] for name, values in columns.items()}


def text(time: int) -> str:
    return pd.Timestamp(time, tz="UTC").strftime("%Y-%m-%dT%H:%M:%SZ")


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 50), st.integers(1, BARS - 5), st.integers(1, 3), jump_factors)
def test_a_print_is_left_out_and_named(seed: int, start: int, length: int, factor: float) -> None:
    time, columns = walk(seed)
    whole = cleaned(time, columns)
    times_factor(columns, slice(start, start + length), factor)
    bars = cleaned(time, columns)
    kept = np.delete(np.arange(BARS), np.arange(start, start + length))
    np.testing.assert_array_equal(bars.time, time[kept])
    np.testing.assert_array_equal(bars.close, whole.close[kept])
    assert bars.report.bad_prints == length
    named = bars.report.first_times["bad_prints"]
    assert [name.split()[0] for name in named] == [text(each) for each in time[start : start + length]]
    assert [float(name.split()[1].removeprefix("x").replace(",", "")) for name in named] == pytest.approx(
        [factor] * length, rel=0.1
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 50), st.integers(1, BARS - 2), st.sampled_from(["open", "high", "low", "close"]), jump_factors)
def test_one_price_that_leaves_makes_a_bad_print(seed: int, bar: int, name: str, factor: float) -> None:
    if (name == "high" and factor < 1) or (name == "low" and factor > 1):
        factor = 1 / factor  # the bar could not be
    time, columns = walk(seed)
    times_factor(columns, slice(bar, bar + 1), factor, (name,))
    bars = cleaned(time, columns)
    np.testing.assert_array_equal(bars.time, np.delete(time, bar))
    assert bars.report.troubles()[0].startswith(f"1 bad print left out: {text(time[bar])} x")


def test_the_report_names_the_factors_in_round_numbers_and_comes_back_from_json() -> None:
    time, columns = walk(3, 500)
    times_factor(columns, slice(20, 21), 0.1)
    times_factor(columns, slice(300, 301), 10)
    report = cleaned(time, columns).report
    assert report.troubles()[0] == f"2 bad prints left out: {text(time[20])} x0.1, {text(time[300])} x10"
    assert CleaningReport.from_json(json.loads(json.dumps(report.as_json()))) == report


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 500), st.sampled_from([0.0005, 0.006, 0.05]))
def test_nothing_is_found_in_a_walk(seed: int, deviation: float) -> None:
    report = cleaned(*walk(seed, deviation=deviation)).report
    assert (report.bars, report.bad_prints, report.last_print) == (BARS, 0, "")


@pytest.mark.parametrize("seed", range(5))
def test_nothing_is_found_in_heavy_tails_that_come_in_clusters(seed: int) -> None:
    random = np.random.default_rng(seed)
    variance, moves = 1e-4, np.empty(3000)
    for bar in range(len(moves)):
        moves[bar] = np.sqrt(variance * 3 / 5) * random.standard_t(5)
        variance = 2e-6 + 0.1 * moves[bar] ** 2 + 0.88 * variance
    close = 100 * np.exp(np.cumsum(moves))
    opened = np.concatenate([[100.0], close[:-1]])
    columns = {"open": opened, "high": np.maximum(opened, close), "low": np.minimum(opened, close), "close": close}
    time = HOUR * np.arange(len(close), dtype=np.int64)
    report = cleaned(time, columns | {"volume": np.ones(len(close))}).report
    assert (report.bars, report.bad_prints, report.last_print) == (3000, 0, "")


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 50), st.integers(4, BARS - 4), st.sampled_from([0.05, 0.2, 0.33, 3.1, 6.0, 40.0]))
def test_a_price_that_leaves_and_stays_is_kept(seed: int, start: int, factor: float) -> None:
    time, columns = walk(seed)
    times_factor(columns, slice(start, None), factor)
    report = cleaned(time, columns).report
    assert (report.bars, report.bad_prints, report.last_print) == (BARS, 0, "")


def test_a_crash_within_one_bar_that_stays_is_kept() -> None:
    time, columns = walk(1)
    times_factor(columns, slice(100, None), 0.1)
    columns["open"][100] = columns["high"][100] = columns["close"][99]
    report = cleaned(time, columns).report
    assert (report.bars, report.bad_prints) == (BARS, 0)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 50), st.integers(1, 3), jump_factors)
def test_the_newest_bars_that_leave_are_kept_and_named(seed: int, length: int, factor: float) -> None:
    time, columns = walk(seed)
    times_factor(columns, slice(BARS - length, None), factor)
    bars = cleaned(time, columns)
    assert (len(bars), bars.report.bad_prints) == (BARS, 0)
    assert text(time[BARS - length]) in bars.report.last_print
    assert any(bars.report.last_print in warning for warning in doubts(bars, int(time[-1])))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 50), st.integers(1, BARS - 4), st.integers(1, 3), jump_factors)
def test_the_bar_that_comes_back_is_no_print(seed: int, start: int, length: int, factor: float) -> None:
    time, columns = walk(seed)
    times_factor(columns, slice(start, start + length), factor)
    bars = cleaned(*first(start + length + 1, time, columns))
    assert (len(bars), bars.report.last_print) == (start + 1, "")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_bars_read_as_they_come_are_those_read_at_once(data: st.DataObject) -> None:
    """But within a print, where nobody knows yet whether the price comes back: there the newest bars are named."""
    time, columns = walk(data.draw(st.integers(0, 50)))
    inside = set()
    for start in range(10, 90, 10):
        length = data.draw(st.integers(0, 3))
        names = data.draw(st.sampled_from([(), ("close",), ("open",)]))
        times_factor(columns, slice(start, start + length), data.draw(jump_factors), names)
        inside |= set(range(start + 1, start + length + 1))
    assume(len(inside) <= MOST)  # with more it is no market
    whole = cleaned(time, columns)
    for end in range(9, 100):
        bars = cleaned(*first(end, time, columns))
        assert bool(bars.report.last_print) == (end in inside)
        if end not in inside:
            for name in ("time", "open", "high", "low", "close", "segment"):
                np.testing.assert_array_equal(getattr(bars, name), getattr(whole, name)[: len(bars)])
            assert len(bars) == np.searchsorted(whole.time, time[end - 1], side="right")


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 50), st.integers(1, 3), jump_factors)
def test_a_print_that_the_bars_begin_with_is_left_out_and_named(seed: int, length: int, factor: float) -> None:
    time, columns = walk(seed)
    times_factor(columns, slice(0, length), factor)
    bars = cleaned(*first(length + 4, time, columns))
    np.testing.assert_array_equal(bars.time, time[length : length + 4])
    assert (bars.report.bad_prints, bars.report.steps) == (length, 0)
    assert bars.report.troubles()[0].startswith(f"{length} bad print")
    assert text(time[0]) in bars.report.troubles()[0]


@pytest.mark.parametrize(("name", "factor"), [("high", 5.0), ("low", 0.1)])
def test_a_first_bar_with_a_price_far_off_is_left_out(name: str, factor: float) -> None:
    time, columns = walk(3)
    columns[name][0] *= factor
    assert cleaned(time, columns).report.first_times["bad_prints"][0].startswith(text(time[0]))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 50), st.integers(1, 3), jump_factors, st.data())
def test_bars_that_begin_within_a_print_read_as_the_whole_does(
    seed: int, length: int, factor: float, data: st.DataObject
) -> None:
    time, columns = walk(seed)
    times_factor(columns, slice(50, 50 + length), factor)
    times_factor(columns, slice(50 + length + 2, 50 + length + 3), factor)
    whole = cleaned(time, columns)
    begin = 50 + data.draw(st.integers(0, length - 1))
    bars = cleaned(time[begin:], {name: values[begin:] for name, values in columns.items()})
    np.testing.assert_array_equal(bars.close, whole.close[50:])


@pytest.mark.parametrize("beside", [slice(100, 101), slice(98, 100), slice(100, 103)])
@pytest.mark.parametrize("moved", [1.0, 1.5])
def test_a_print_beside_a_long_gap_is_left_out(beside: slice, moved: float) -> None:
    time, columns = walk(2)
    time[100:] += 30 * 24 * HOUR
    times_factor(columns, slice(100, None), moved)
    times_factor(columns, beside, 10)
    bars = cleaned(time, columns)
    np.testing.assert_array_equal(bars.time, np.delete(time, np.arange(BARS)[beside]))
    assert bars.report.bad_prints == beside.stop - beside.start


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 50), st.sampled_from([0.25, 20.0, 3.5, 0.06]), st.integers(4, 200))
def test_a_price_that_leaves_without_a_trade_and_stays_is_named(seed: int, factor: float, stays: int) -> None:
    time, columns = walk(seed)
    times_factor(columns, slice(BARS - stays, None), factor)
    bars = cleaned(time, columns)
    assert (len(bars), bars.report.steps, bars.report.last_print) == (BARS, 1, "")
    named = next(trouble for trouble in bars.report.troubles() if text(time[BARS - stays]) in trouble)
    assert float(named.split(" x")[1].split()[0]) == pytest.approx(factor, rel=0.06)


def test_a_pump_and_its_dump_are_traded_and_kept() -> None:
    time, columns = walk(2)
    before = columns["close"][99]
    for bar, prices in ((100, (1, 3.3, 0.99, 3.2)), (101, (3.2, 3.3, 0.9, 1.0))):
        for name, price in zip(("open", "high", "low", "close"), prices, strict=True):
            columns[name][bar] = price * before
    times_factor(columns, slice(102, None), before / columns["open"][102])
    report = cleaned(time, columns).report
    assert (report.bars, report.bad_prints) == (BARS, 0)
    assert report.first_times["steps"] == (f"{text(time[100])} x3.2", f"{text(time[101])} x0.31")


@pytest.mark.parametrize("tick", [1e-8, 1e-10])
@pytest.mark.parametrize("wicks", [0.01, 0.3])
def test_a_price_of_a_few_ticks_is_read_as_it_is(tick: float, wicks: float) -> None:
    random = np.random.default_rng(0)
    close = tick * random.integers(1, 3 if wicks < 0.1 else 4, 2000)
    opened = np.concatenate([close[:1], close[:-1]])
    high = np.maximum(np.maximum(opened, close), np.where(random.random(2000) < wicks, 3 * tick, 0))
    columns = {"open": opened, "high": high, "low": np.minimum(opened, close), "close": close, "volume": close * 0 + 1}
    bars = cleaned(HOUR * np.arange(2000, dtype=np.int64), columns)
    assert (len(bars), bars.report.troubles()) == (2000, [])
    for name in ("open", "high", "low", "close"):
        columns[name][700] *= 20
    assert cleaned(HOUR * np.arange(2000, dtype=np.int64), columns).report.bad_prints == 1


def test_more_than_twenty_bad_prints_among_two_thousand_bars_are_refused() -> None:
    time, columns = walk(1, 5000)
    for bar in range(100, 5000, 100):
        times_factor(columns, slice(bar, bar + 1), 10)
    assert cleaned(time, columns).report.bad_prints == 49
    times_factor(columns, slice(2050, 2051), 0.1)
    with pytest.raises(DataError, match=r"50 of 5,000 bars.*come back, the first .* x10"):
        cleaned(time, columns)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 50),
    st.integers(4, BARS // 2),
    st.integers(4, 100),
    st.sampled_from([0.001, 0.01, 0.1, 10.0, 100.0, 1e6, 0.055]),
)
def test_a_stretch_in_another_unit_is_refused_by_its_times(seed: int, start: int, length: int, factor: float) -> None:
    time, columns = walk(seed)
    times_factor(columns, slice(start, start + length), factor)
    with pytest.raises(DataError, match="another unit") as refused:
        cleaned(time, columns)
    for fact in (text(time[start]), text(time[start + length - 1]), f"x{factor:,g}"):
        assert fact in str(refused.value)


@pytest.mark.parametrize(("bars", "factor"), [(slice(200, None), 1000.0), (slice(0, 30), 0.01)])
def test_a_stretch_that_begins_and_stays_is_refused_by_its_times(bars: slice, factor: float) -> None:
    time, columns = walk(2)
    times_factor(columns, bars, factor)
    with pytest.raises(DataError, match="another unit") as refused:
        cleaned(time, columns)
    for fact in (text(time[bars][0]), text(time[bars][-1]), f"x{factor:,g}"):
        assert fact in str(refused.value)


def test_prices_on_both_sides_of_a_long_gap_are_no_neighbours() -> None:
    time, columns = walk(2)
    time[100:] += 365 * 24 * HOUR
    times_factor(columns, slice(100, None), 10)
    for begin in (0, 97, 98, 99):
        report = cleaned(time[begin:], {name: values[begin:] for name, values in columns.items()}).report
        assert (report.bars, report.gaps, report.bad_prints, report.steps) == (BARS - begin, 1, 0, 0)


def test_two_markets_in_turns_are_no_market_with_bad_prints() -> None:
    time, columns = walk(2)
    for bar in range(2, BARS, 3):
        times_factor(columns, slice(bar, bar + 1), 0.06)
    with pytest.raises(DataError, match="leave the bars around them"):
        cleaned(time, columns)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_part_of_bars_that_pass_passes(data: st.DataObject) -> None:
    time, columns = walk(7, 400)
    for _ in range(data.draw(st.integers(1, 6))):
        start = data.draw(st.integers(0, 390))
        factor = data.draw(st.sampled_from([0.1, 10.0, 100.0, 5.0]))
        times_factor(columns, slice(start, start + data.draw(st.integers(1, 3))), factor)
    try:
        cleaned(time, columns)
    except DataError:
        return
    start = data.draw(st.integers(0, 250))
    part = slice(start, start + data.draw(st.integers(100, 150)))
    assert len(cleaned(time[part], {name: values[part] for name, values in columns.items()})) >= 80


def test_made_up_markets_have_none() -> None:
    for seed in range(20):
        bars = synthetic_bars(3000, seed)
        columns = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
        report = cleaned(bars.time, columns).report
        assert (report.bars, report.bad_prints, report.last_print) == (3000, 0, "")
