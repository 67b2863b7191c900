"""The markets of the importance benchmark are what they say, and its areas are areas."""

from importlib import import_module

import numpy as np
import pytest


@pytest.mark.parametrize("delay", [1, 24])
def test_a_delayed_signal_moves_the_price_when_it_says(delay: int) -> None:
    bars = import_module("planted").delayed_bars(delay, 5000, seed=1)
    returns = np.diff(np.log(bars.close))  # of bar 1 on
    shown = [np.corrcoef(bars.extra["signal"][: 5000 - 1 - lag], returns[lag:])[0, 1] for lag in range(30)]
    assert int(np.argmax(shown)) == delay - 1
    assert max(abs(value) for lag, value in enumerate(shown) if lag != delay - 1) < 0.1 < shown[delay - 1]


def test_more_views_leave_the_others_columns_in_place() -> None:
    planted_bars = import_module("planted").planted_bars
    two, six = (planted_bars("hard", 1000, 5, noise_columns=3, views=views).bars.extra for views in (2, 6))
    assert [name for name in six if name not in two] == [
        "view_slowest",
        "view_fast_dim",
        "view_slow_dim",
        "view_slowest_dim",
    ]
    assert np.array_equal(two["view_slow"], six["view_slow"])


def test_an_area_is_the_share_of_pairs_in_right_order() -> None:
    area = import_module("importance").area
    assert area({"view": 3.0, "noise_0": 1.0, "volume": 9.0}) == 1.0
    assert area({"view": 1.0, "noise_0": 1.0, "noise_1": 2.0}) == 0.25
