"""Made-up markets: the one of a first run, and the planted ones whose truth is known."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from progressive_market.bars import Bars, synthetic_bars

PLANTED = Path(__file__).resolve().parents[3] / "benchmarks" / "planted.py"


@pytest.fixture(scope="module")
def planted() -> ModuleType:
    spec = importlib.util.spec_from_file_location("planted_markets_under_test", PLANTED)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # attrs looks a class's module up
    spec.loader.exec_module(module)
    return module


def check_shape(bars: Bars, count: int) -> None:
    assert len(bars) == count
    assert (bars.high >= np.maximum(bars.open, bars.close)).all()
    assert (bars.low <= np.minimum(bars.open, bars.close)).all()
    assert (bars.low > 0).all()
    assert np.array_equal(bars.open[1:], bars.close[:-1])
    assert (bars.volume > 0).all()
    assert (bars.segment == 0).all()
    assert bars.synthetic


def test_a_seed_is_a_market() -> None:
    one, same, other = synthetic_bars(3000, 1), synthetic_bars(3000, 1), synthetic_bars(3000, 2)
    assert np.array_equal(one.close, same.close)
    assert np.array_equal(one.volume, same.volume)
    assert not np.array_equal(one.close, other.close)
    check_shape(one, 3000)


def test_volatility_comes_in_clusters_and_volume_follows_it() -> None:
    bars = synthetic_bars(40_000, 0)
    size = np.abs(np.diff(np.log(bars.close)))
    assert np.corrcoef(size[1:], size[:-1])[0, 1] > 0.05
    assert np.corrcoef(size[12:], size[:-12])[0, 1] > 0.05
    assert np.corrcoef(size, np.log(bars.volume[1:]))[0, 1] > 0.2


def test_volume_and_wicks_tell_of_returns_to_come() -> None:
    bars = synthetic_bars(60_000, 0)
    day = np.log(bars.close[24:] / bars.close[:-24])
    volume = np.log(bars.volume)[:-24]
    assert np.corrcoef(volume, day)[0, 1] > 0.05
    upper = np.log(bars.high / np.maximum(bars.open, bars.close))[:-24]
    lower = np.log(np.minimum(bars.open, bars.close) / bars.low)[:-24]
    assert np.corrcoef((upper - lower) / (upper + lower), day)[0, 1] > 0.05


@pytest.mark.parametrize("kind", ["easy", "hard", "random_walk"])
def test_a_planted_market_has_its_columns(kind: str, planted: ModuleType) -> None:
    market = planted.planted_bars(kind, 3000, 0, noise_columns=5)
    check_shape(market.bars, 3000)
    context = ["context"] if kind == "hard" else []
    assert list(market.bars.extra) == ["view_fast", "view_slow", *context, *(f"noise_{i}" for i in range(5))]
    assert set(np.unique(market.context)) <= {-1.0, 1.0}


def test_the_drift_is_what_the_next_fill_earns(planted: ModuleType) -> None:
    market = planted.planted_bars("easy", 60_000, 0)
    earned = np.log(market.bars.open[2:] / market.bars.open[1:-1])
    slope, _ = np.polyfit(market.drift[:-2], earned, 1)
    assert slope == pytest.approx(1, abs=0.1)
    assert not planted.planted_bars("random_walk", 100, 0).drift.any()


def test_the_ceiling_knows_more_than_chance_and_less_than_the_truth(planted: ModuleType) -> None:
    market = planted.planted_bars("easy", 16_000, 4)
    filtered = planted.filtered_trends(market) @ np.array(planted.DRIFTS) * market.scale
    assert 0.5 < np.corrcoef(filtered, market.drift)[0, 1] < 0.95
    validation, test = (6000, 10_000), (10_000, 15_998)
    ceiling = planted.kalman_ceiling(market, validation=validation, test=test)
    perfect = planted.net_log_return(market.bars, np.sign(market.drift[slice(*test)]), test[0], 0.0)
    assert 0 < ceiling.log_return < perfect
    assert ceiling.log_return == planted.net_log_return(market.bars, ceiling.positions, test[0], 0.001)
    hard = planted.planted_bars("hard", 16_000, 4)
    assert planted.kalman_ceiling(hard, validation=validation, test=test).log_return == pytest.approx(
        ceiling.log_return
    )


def test_a_position_is_filled_at_the_next_open_and_pays_for_each_change(planted: ModuleType) -> None:
    bars = synthetic_bars(10, 0)
    value = (
        0.99 * 0.99 * bars.open[4] / bars.open[3]
    )  # long from bar 2: filled at the open of bar 3, sold at that of bar 4
    moved = bars.open[5] / bars.open[4]
    value *= 0.99 * (1 - (moved - 1) - 0.01 * moved)  # short from bar 3, bought back at the open of bar 5
    positions = np.array([1.0, -1.0, 0.0])
    assert planted.net_log_return(bars, positions, 2, 0.01) == pytest.approx(np.log(value), abs=1e-12)
