"""The features of the newest bar are the same to the bit, whatever was given before its windows, and bar by bar or at once."""

import numpy as np
import pytest
from attrs import evolve

from progressive_market.bars import Bars, synthetic_bars
from progressive_market.features.feature_table import HISTORY, feature_table, volatility
from progressive_market.features.newest import NewestFeatures

GAP = 2_300


@pytest.fixture(scope="module")
def bars() -> Bars:
    """Bars with a gap, no volume for a while, and a column that begins late and has holes."""
    made = synthetic_bars(2_700, seed=3)
    late = np.random.default_rng(0).standard_normal(2_700)
    late[:400] = late[1_500:1_520] = np.nan
    volume = np.where(np.arange(2_700) // 40 % 30 == 3, 0.0, made.volume)
    return evolve(made, volume=volume, segment=(np.arange(2_700) >= GAP).astype(np.int32), extra={"late": late})


def test_bar_by_bar_and_at_once_are_the_same_to_the_bit(bars: Bars) -> None:
    whole, known = feature_table(bars), volatility(bars)
    for first, last in ((0, 2_200), (GAP, 2_700)):
        going_on = NewestFeatures(bars.between(first, first + 2))
        for stop in range(first + 3, last):
            going_on.add(bars.between(stop - 2, stop))
            if stop % 29 == 0 or stop - first in (24, 320, 321, 960, 961, 1_000, 1_001):
                at_once = NewestFeatures(bars.between(max(0, stop - HISTORY), stop))
                assert going_on.table().tobytes() == at_once.table().tobytes()
                assert going_on.volatility() == at_once.volatility()
                assert np.allclose(at_once.table()[0], whole[stop - 1], rtol=1e-6, atol=1e-9, equal_nan=True)
                assert at_once.volatility() == pytest.approx(known[stop - 1], rel=1e-6)


def test_a_price_that_never_moves_and_a_value_that_float32_cannot_hold(bars: Bars) -> None:
    still = evolve(bars.between(0, 200), close=np.full(200, 7.0), extra={"huge": np.full(200, 1e300)})
    newest = NewestFeatures(still)
    assert newest.volatility() == volatility(still)[-1]
    assert np.isnan(newest.table()[0, -5:]).all()
