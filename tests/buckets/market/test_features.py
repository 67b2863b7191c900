"""Features see the past only, start anew after a gap, and are scaled by the training part alone."""

import numpy as np
import pytest
from attrs import evolve

from progressive_market.bars import Bars, synthetic_bars
from progressive_market.feature_table import (
    SCALES,
    VOLATILITY_SPAN,
    causal_average,
    feature_names,
    feature_table,
    log_returns,
    volatility,
)
from progressive_market.scaler import Scaler


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


@pytest.mark.parametrize("span", SCALES)
def test_the_average_is_the_weighted_mean_it_says(span: int) -> None:
    values = np.random.default_rng(0).standard_normal(50)
    weights = (1 - 2 / (span + 1)) ** np.arange(50.0)[::-1]
    average = causal_average(values, np.zeros(50, dtype=np.int32), span)
    assert average[-1] == pytest.approx(np.sum(weights * values) / np.sum(weights))


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
    recent = causal_average(np.abs(log_returns(bars)), bars.segment, VOLATILITY_SPAN)
    assert whole[298] > 1.2533 * recent[298]
    assert whole[298] == pytest.approx(1.2533 * 0.05 * recent[:299].mean(), rel=1e-5)


def test_a_wild_test_part_leaves_the_scaler_alone_and_is_clipped() -> None:
    table = np.random.default_rng(1).standard_normal((1000, 3)).astype(np.float32)
    table[800:] *= 1e6
    scaler = Scaler.fit(table[:800])
    scaled = scaler.apply(table.copy())
    assert np.allclose(scaled[:800].std(axis=0), 1, atol=0.02)
    assert np.abs(scaled).max() == 5
