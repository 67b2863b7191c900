"""Features see the past only, start anew after a gap, and are scaled by the training part alone."""

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from progressive_market.bars import Bars, clean, synthetic_bars
from progressive_market.bars.bar_records import Floats
from progressive_market.features.averages import exponential_average, plain_average, window_of
from progressive_market.features.feature_table import (
    HISTORY,
    SCALES,
    VOLATILITY_SPAN,
    feature_names,
    feature_table,
    history_of,
    log_returns,
    volatility,
)
from progressive_market.features.scaler import Scaler


def test_a_later_bar_changes_no_earlier_feature() -> None:
    bars = synthetic_bars(600, seed=3)
    whole = feature_table(bars)
    assert np.array_equal(whole[:400], feature_table(bars.between(0, 400)))


def test_averages_start_anew_after_a_gap() -> None:
    bars = synthetic_bars(400, seed=4)
    segment = np.repeat(np.array([0, 1], dtype=np.int32), 200)
    broken = Bars(
        time=bars.time,
        open=bars.open,
        high=bars.high,
        low=bars.low,
        close=bars.close,
        volume=bars.volume,
        segment=segment,
        interval=bars.interval,
    )
    assert np.allclose(feature_table(broken)[200:], feature_table(bars.between(200, 400)), atol=1e-6)


def average_by_hand(values: Floats, segment: NDArray[np.int32], decay: float, window: int) -> Floats:
    out = np.full(len(values), np.nan)
    for t in range(len(values)):
        total = weight = 0.0
        for k in range(min(window, t + 1)):
            if segment[t - k] == segment[t] and np.isfinite(values[t - k]):
                total, weight = total + decay**k * values[t - k], weight + decay**k
        if weight:
            out[t] = total / weight
    return out


@given(
    count=st.integers(1, 400),
    span=st.sampled_from([6, 24, 96]),
    missing=st.sampled_from([0.0, 0.3, 0.98]),
    gaps=st.integers(0, 30),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=40, deadline=None)
def test_the_averages_are_the_weighted_means_they_say(
    count: int, span: int, missing: float, gaps: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    values = random.standard_normal(count)
    values[random.random(count) < missing] = np.nan
    values[count // 2] *= 1e12  # what has left a window has left its sum
    segment = np.sort(random.integers(0, gaps + 1, count)).astype(np.int32)
    for got, decay, window in (
        (exponential_average(values, segment, span), 1 - 2 / (span + 1), window_of(span)),
        (plain_average(values, segment, span), 1.0, span),
    ):
        by_hand = average_by_hand(values, segment, decay, window)
        assert np.allclose(got, by_hand, rtol=1e-9, atol=0, equal_nan=True)


def test_bars_enough_give_the_features_of_all_bars() -> None:
    """The history that a card states, extra columns with missing values and a plugin's history included."""
    bars = synthetic_bars(6000, seed=2)
    rare = np.where(np.arange(6000) % 7 == 0, bars.close, np.nan)
    columns = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    bars = clean(bars.time, {**columns, "rare": rare}, source="rare")
    assert history_of(bars) == HISTORY == 1959
    whole = feature_table(bars)
    for stop in (3000, 4321, 6000):
        window = feature_table(bars.between(stop - HISTORY, stop))
        assert np.allclose(window[-1], whole[stop - 1], rtol=1e-6, atol=1e-9)
        assert volatility(bars.between(stop - HISTORY, stop))[-1] == pytest.approx(volatility(bars)[stop - 1], rel=1e-6)
        assert not np.allclose(feature_table(bars.between(stop - 900, stop))[-1], whole[stop - 1], rtol=1e-6, atol=1e-9)
    daily = np.where(np.arange(6000) % 1440 == 0, bars.close, np.nan)
    assert history_of(clean(bars.time, {**columns, "daily": daily}, source="daily")) == 959 + 1 + 1439


def test_the_newest_bars_alone_have_the_same_features() -> None:
    bars = synthetic_bars(3000, seed=3)
    segment = (np.arange(3000) >= 2_900).astype(np.int32)
    rare = np.where(np.arange(3000) % 50 == 0, bars.close, np.nan)
    for some in (bars, evolve(bars, segment=segment), evolve(bars, extra={"rare": rare})):
        for last in (1, 7, 2_999, 4_000):
            same = feature_table(some)[-last:]
            assert np.allclose(feature_table(some, last), same, rtol=1e-6, atol=1e-9, equal_nan=True)


def test_extra_columns_become_features() -> None:
    bars = synthetic_bars(300, seed=5)
    with_extra = Bars(
        time=bars.time,
        open=bars.open,
        high=bars.high,
        low=bars.low,
        close=bars.close,
        volume=bars.volume,
        segment=bars.segment,
        interval=bars.interval,
        extra={"mood": np.arange(300.0)},
    )
    assert feature_names(with_extra)[-1] == "mood"
    assert np.array_equal(feature_table(with_extra)[:, -len(SCALES)], np.arange(300.0, dtype=np.float32))


def test_what_has_no_value_yet_is_the_mean_and_moves_nothing() -> None:
    bars = synthetic_bars(3000, seed=6)
    late = np.random.default_rng(0).normal(100, 1, 3000)
    late[:50] = np.nan
    table = feature_table(evolve(bars, extra={"late": late}))[:, -len(SCALES) :]
    assert np.isnan(table[:50]).all()
    assert np.isfinite(table[50:]).all()
    scaler = Scaler.fit(table)
    assert scaler.mean[0] == pytest.approx(100, abs=0.1)
    assert scaler.deviation[0] == pytest.approx(1, abs=0.05)
    scaled = scaler.apply(table.copy())
    assert (scaled[:50] == 0).all()
    assert scaled[50:, 0].std() == pytest.approx(1, abs=0.05)


def test_a_column_without_a_value_in_training_is_zero_there() -> None:
    table = np.full((10, 1), np.nan, dtype=np.float32)
    assert (Scaler.fit(table).apply(table) == 0).all()


def test_a_value_that_float32_cannot_hold_is_none() -> None:
    bars = evolve(synthetic_bars(300, seed=5), extra={"huge": np.where(np.arange(300) == 7, 1e300, 1.0)})
    huge = feature_table(bars)[:, -len(SCALES)]
    assert np.isnan(huge[7])
    assert np.isfinite(np.delete(huge, 7)).all()


def test_volatility_knows_only_the_bars_so_far() -> None:
    bars = synthetic_bars(600, seed=3)
    quiet = bars.close.copy()
    quiet[100:300] = quiet[100]  # so that the floor counts
    bars = evolve(bars, close=quiet)
    whole = volatility(bars)
    assert np.array_equal(whole[:400], volatility(bars.between(0, 400)))
    assert (whole > 0).all()
    recent = exponential_average(np.abs(log_returns(bars)), bars.segment, VOLATILITY_SPAN)
    assert whole[298] > 1.2533 * recent[298]
    assert whole[298] == pytest.approx(1.2533 * 0.05 * recent[:299].mean(), rel=1e-5)  # fewer than SLOW_WINDOW


def test_a_wild_test_part_leaves_the_scaler_alone_and_is_clipped() -> None:
    table = np.random.default_rng(1).standard_normal((1000, 3)).astype(np.float32)
    table[800:] *= 1e6
    scaler = Scaler.fit(table[:800])
    scaled = scaler.apply(table.copy())
    assert np.allclose(scaled[:800].std(axis=0), 1, atol=0.02)
    assert np.abs(scaled).max() == 5
