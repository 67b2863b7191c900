"""The built-in detectors: right on planted regimes, causal to the bit, and the same on a window as on all bars."""

from pathlib import Path

import numpy as np
import pytest
from attrs import evolve

from progressive_market.bars import Bars
from progressive_market.bars.synthetic import made_up
from progressive_market.features.averages import window_of
from progressive_market.features.feature_table import SLOW_WINDOW, VOLATILITY_SPAN, log_returns
from progressive_market.regimes import gaussian_hmm, volatility_quantiles
from progressive_market.regimes.detector import RegimesAsked, fit_regimes
from progressive_market.regimes.detector_checks import check_regimes
from progressive_training.market import load_bars, synthetic_bars

REAL = Path(__file__).resolve().parents[3] / "../shared/data/binance_btcusdt_1h.parquet"


def planted(count: int, seed: int) -> tuple[Bars, np.ndarray]:
    """Two regimes of 600 bars on average, of deviations 0.48 % and 0.74 %."""
    random = np.random.default_rng(seed)
    regime = np.cumsum(random.random(count) < 1 / 600) % 2
    returns = np.take((0.0048, 0.0074), regime) * random.standard_normal(count)
    even = np.full(count, 1e-4)
    return made_up(returns, upper=even, lower=even, volume=even, extra={}, source="two regimes"), regime


@pytest.fixture(scope="module")
def broken() -> Bars:
    """Bars with gaps: real ones where they are here."""
    if REAL.exists():
        return load_bars(REAL).between(0, 12_000)
    bars = synthetic_bars(12_000, seed=3)
    return evolve(bars, segment=np.searchsorted([4000, 4010, 9000], np.arange(12_000), side="right").astype(np.int32))


def test_the_filter_is_right_where_a_rolling_mean_is_not() -> None:
    bars, regime = planted(30_000, seed=5)
    parameters = gaussian_hmm.fit(bars.between(0, 18_000), 2)
    assert parameters["deviation"] == pytest.approx([0.0048, 0.0074], rel=0.05)
    assert [row[number] for number, row in enumerate(parameters["transition"])] == pytest.approx([1, 1], abs=0.004)
    known = gaussian_hmm.probabilities(bars, parameters).argmax(axis=1)
    right = (known == regime)[18_000:].mean()
    day = np.convolve(np.abs(log_returns(bars)), np.ones(24) / 24)[: len(bars)]
    border = max(np.quantile(day, np.linspace(0.2, 0.8, 61)), key=lambda each: ((day > each) == regime)[:18_000].mean())
    assert right > 0.94 > 0.92 > ((day > border) == regime)[18_000:].mean()


def test_the_filter_is_that_of_the_model_on_the_last_bars() -> None:
    bars = synthetic_bars(1500, seed=2)
    bars = evolve(bars, segment=(np.arange(1500) >= 900).astype(np.int32))
    parameters = gaussian_hmm.fit(bars, 3)
    mean, deviation, transition, start = (np.array(parameters[name]) for name in parameters)
    given, returns = gaussian_hmm.probabilities(bars, parameters), log_returns(bars)
    for last in (0, 1, 300, 520, 899, 900, 901, 1300, 1420, 1499):
        begin = 900 if last >= 900 else 0
        state = start
        for bar in range(max(begin, last - gaussian_hmm.WINDOW + 1), last + 1):
            density = np.exp(-0.5 * ((returns[bar] - mean) / deviation) ** 2) / deviation
            state = state @ transition * (density if bar > begin else 1.0)
            state /= state.sum()
        assert given[last] == pytest.approx(state, abs=1e-12)


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("name", ["hmm", "quantile"])
def test_a_built_in_passes_the_checks_and_is_the_same_on_a_window(broken: Bars, name: str, count: int) -> None:
    asked, training = RegimesAsked(name, count), slice(0, 7000)
    check_regimes(broken, training, asked)
    regimes = fit_regimes(broken, training, asked)
    whole, history = regimes.probabilities(broken), regimes.model.history
    gaps = np.flatnonzero(np.diff(broken.segment)) + 1
    assert len(gaps) > 2
    for stop in (*gaps + 1, *gaps + 30, 7001, 11_999):
        assert (regimes.probabilities(broken.between(0, stop)) == whole[:stop]).all()
    for stop in (history, *(gaps + 40)[gaps > history], *range(history, len(broken), 501)):
        served = regimes.probabilities(broken.between(stop - history, stop))[-1]
        assert (served == whole[stop - 1]).all()
        assert (regimes.probabilities(broken.between(0, stop), last=1) == whole[stop - 1]).all()


@pytest.mark.parametrize(
    "damage",
    [{"mean": [0.0, None]}, {"deviation": [1e-300, 1.0]}, {"start": [1e20, 1e-9]}, {"transition": [[1e-200] * 2] * 2}],
)
def test_numbers_that_no_fit_gives_are_refused(damage: dict[str, object]) -> None:
    bars = synthetic_bars(1500, seed=2)
    with pytest.raises(ValueError, match="are not of as many states|is no deviation"):
        gaussian_hmm.probabilities(bars, gaussian_hmm.fit(bars, 2) | damage)


def test_a_price_that_does_not_move_has_regimes_all_the_same() -> None:
    still = evolve(synthetic_bars(2000, seed=1), **dict.fromkeys(("open", "high", "low", "close"), np.full(2000, 5.0)))
    for detector in (gaussian_hmm, volatility_quantiles):
        given = detector.probabilities(still, detector.fit(still, 3))
        assert given.sum(axis=1) == pytest.approx(np.ones(2000))


def test_the_history_that_a_detector_declares_is_what_it_looks_back() -> None:
    assert volatility_quantiles.history == SLOW_WINDOW + window_of(VOLATILITY_SPAN)
    assert gaussian_hmm.history == gaussian_hmm.WINDOW + 1
