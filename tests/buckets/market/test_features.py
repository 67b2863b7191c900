"""Features see the past only, start anew after a gap, and are scaled by the training part alone."""

import numpy as np
import pytest

from progressive_buckets.bars import Bars, synthetic_bars
from progressive_buckets.market.features import SCALES, causal_average, feature_names, feature_table
from progressive_buckets.market.scaler import Scaler


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


def test_a_wild_test_part_leaves_the_scaler_alone_and_is_clipped() -> None:
    table = np.random.default_rng(1).standard_normal((1000, 3)).astype(np.float32)
    table[800:] *= 1e6
    scaler = Scaler.fit(table[:800])
    scaled = scaler.apply(table.copy())
    assert np.allclose(scaled[:800].std(axis=0), 1, atol=0.02)
    assert np.abs(scaled).max() == 5
