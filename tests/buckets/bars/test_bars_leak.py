"""A column or a feature that knows the future is named; an honest one is not."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from attrs import evolve

from progressive_market.bars import Bars, check_causal, check_leaks, configured_bars, synthetic_bars
from progressive_market.bars.leaks.averaged_innovations import explained_averages
from progressive_market.bars.leaks.leak_check import leak_evidence
from progressive_market.bars.leaks.leak_targets import sampled, targets_of
from progressive_training import DataError


def prices(bars: Bars) -> np.ndarray:
    return np.column_stack([bars.close, bars.volume])


def later(values: np.ndarray, bars: int) -> np.ndarray:
    return np.concatenate([values[bars:], np.repeat(values[-1], bars)])


def next_fill(bars: Bars) -> np.ndarray:
    return np.log(later(bars.open, 2) / later(bars.open, 1))


def noisy(bars: Bars, share: float) -> np.ndarray:
    """The next fill's return under so much noise that an R² of `share` is left."""
    returns = next_fill(bars)
    noise = np.random.default_rng(1).standard_normal(len(bars)) * returns.std()
    return returns + noise * np.sqrt(1 / share - 1)


def in_a_third(bars: Bars) -> np.ndarray:
    """Noise, and the next return in the middle third."""
    column = np.random.default_rng(1).standard_normal(len(bars)) * 0.006
    third = len(bars) // 3
    column[third : 2 * third] = next_fill(bars)[third : 2 * third]
    return column


KNOWS: dict[str, Callable[[Bars], np.ndarray]] = {
    "next_return": next_fill,
    "next_return_in_percent": lambda bars: 100 * next_fill(bars) + 3,
    "a_fifth_of_it": lambda bars: noisy(bars, 0.2),
    "a_tenth_of_it": lambda bars: noisy(bars, 0.1),
    "next_sign": lambda bars: np.sign(next_fill(bars)),
    "turned_sign": lambda bars: -(next_fill(bars) > 0).astype(float),
    "next_close": lambda bars: later(bars.close, 1),
    "next_high": lambda bars: later(bars.high, 1),
    "fill_after_next": lambda bars: later(bars.open, 2),
    "next_volume_signed": lambda bars: later(bars.volume * np.sign(bars.close - bars.open), 1),
    "label_of_a_day": lambda bars: np.log(later(bars.close, 24) / bars.close),
    "label_of_half_a_day": lambda bars: (later(bars.close, 12) > bars.close).astype(float),
    "partly": in_a_third,
    "next_volume": lambda bars: later(bars.volume, 1),
}
HONEST: dict[str, Callable[[Bars], np.ndarray]] = {
    "quote_volume": lambda bars: bars.volume * bars.close,
    "vwap": lambda bars: (bars.high + bars.low + bars.close) / 3,
    "last_return": lambda bars: np.diff(np.log(bars.close), prepend=0.0),
    "day_average": lambda bars: pd.Series(bars.close).rolling(24, min_periods=1).mean().to_numpy(),
    "clock": lambda bars: np.sin(np.arange(len(bars)) * 2 * np.pi / 24),
    "walk": lambda bars: np.cumsum(np.random.default_rng(3).standard_normal(len(bars))),
    "level": lambda bars: bars.close,
}


@pytest.mark.parametrize("name", KNOWS)
def test_a_column_that_knows_the_future_is_named_with_the_way_out(name: str) -> None:
    bars = synthetic_bars(20_000, 5)
    bars = evolve(bars, extra={"honest": bars.close, name: KNOWS[name](bars)})
    with pytest.raises(DataError, match=rf"{name} \(its .*drop or shift it, or use --allow-leak {name}$") as caught:
        check_leaks(bars, prices)
    assert "honest" not in str(caught.value)


@pytest.mark.parametrize("name", ["next_fill", "day_average"])
def test_bars_without_a_value_are_left_out_of_the_question(name: str) -> None:
    bars = synthetic_bars(20_000, 5)
    column = (HONEST | {"next_fill": next_fill})[name](bars)
    blank = np.arange(len(bars)) < 5000
    found = leak_evidence(bars, {name: np.where(blank, np.nan, column)})
    assert [evidence.columns for evidence in found] == [("next_fill",)] * (name == "next_fill")
    assert leak_evidence(bars, {name: np.full(len(bars), np.nan)}) == []


def test_an_allowed_leak_passes_and_is_told() -> None:
    bars = synthetic_bars(20_000, 5)
    bars = evolve(bars, extra={"honest": bars.close, "label": next_fill(bars)})
    assert check_leaks(bars, prices, ["label"]) == ["label"]
    with pytest.raises(DataError, match="other .*--allow-leak other$"):
        check_leaks(evolve(bars, extra={**bars.extra, "other": next_fill(bars)}), prices, ["label"])


def test_an_allowed_column_hides_no_other_that_leaks_with_the_same_partner() -> None:
    bars = synthetic_bars(10_000, 5)
    random, returns = np.random.default_rng(0), next_fill(bars)
    coin = random.standard_normal(len(bars))
    hidden = [np.sign(coin) * (returns + returns.std() * random.standard_normal(len(bars))) for _ in range(2)]
    bars = evolve(bars, extra={"coin": coin, "one": hidden[0], "other": hidden[1]})
    for allowed in (["one"], ["other"]):
        with pytest.raises(DataError, match="with coin .their product"):
            check_leaks(bars, prices, allowed)
    assert check_leaks(bars, prices, ["coin"]) == ["coin"]


@pytest.mark.parametrize("unit", [1e300, 1e160, 1e-300])
def test_a_column_is_asked_in_any_unit(unit: float) -> None:
    bars = synthetic_bars(5000, 5)
    random = np.random.default_rng(0)
    honest, leak = random.standard_normal(len(bars)) * unit, noisy(bars, 0.3) * unit
    assert check_leaks(evolve(bars, extra={"honest": honest}), prices) == []
    with pytest.raises(DataError, match="--allow-leak leak$"):
        check_leaks(evolve(bars, extra={"honest": honest, "leak": leak}), prices)


def test_allowing_a_column_that_is_not_there_is_refused() -> None:
    bars = synthetic_bars(2000, 5)
    bars = evolve(bars, extra={"label": bars.close})
    with pytest.raises(DataError, match=r"ALLOW_LEAK names lable: no such column; there are volume, label"):
        check_leaks(bars, prices, ["lable"])


@pytest.mark.parametrize("count", [600, 20_000])
def test_honest_columns_pass(count: int) -> None:
    for seed in range(3):
        bars = synthetic_bars(count, seed)
        bars = evolve(bars, extra={name: make(bars) for name, make in HONEST.items()})
        assert check_leaks(bars, prices) == []


@pytest.mark.parametrize("name", ["binance_btcusdt_1h.parquet", "bitfinex_btcusd_1m.parquet"])
def test_honest_columns_of_real_bars_pass(name: str, data_dir: Path) -> None:
    bars = configured_bars({"DATA": str(data_dir / name), "FREQUENCY": None, "FILL_MINUTES": 10})
    bars = evolve(bars, extra={name: make(bars) for name, make in HONEST.items()})
    assert check_leaks(bars, prices) == []


def centred(bars: Bars) -> np.ndarray:
    return pd.Series(bars.close).rolling(5, center=True, min_periods=1).mean().to_numpy()[:, None]


def scaled_by_all(bars: Bars) -> np.ndarray:
    return np.column_stack([bars.close, (bars.close - bars.close.mean()) / bars.close.std()])


def backward_filled(bars: Bars) -> np.ndarray:
    sparse = np.where(np.arange(len(bars)) % 5 == 0, bars.close, np.nan)
    return pd.Series(sparse).bfill().ffill().to_numpy()[:, None]


def next_close(bars: Bars) -> np.ndarray:
    return later(bars.close, 1)[:, None]


@pytest.mark.parametrize("features", [centred, scaled_by_all, backward_filled, next_close])
def test_a_feature_that_sees_later_bars_is_caught(features: Callable[[Bars], np.ndarray]) -> None:
    with pytest.raises(DataError, match=r"features: 1 of \d see later bars: feature \d of the bar at 20\d\d-"):
        check_causal(features, synthetic_bars(9000, 0))


@pytest.mark.parametrize("count", [3, 50, 9000])
def test_causal_features_pass(count: int) -> None:
    check_causal(lambda bars: pd.Series(bars.close).ewm(span=24).mean().to_numpy()[:, None], synthetic_bars(count, 0))


def test_features_that_lose_rows_are_caught() -> None:
    with pytest.raises(DataError, match="one row for each bar"):
        check_causal(lambda bars: bars.close[:50, None], synthetic_bars(9000, 0))


def named(bars: Bars, column: np.ndarray) -> bool:
    return bool(leak_evidence(bars, {"asked": column}, (72, 144, 288, 576)))


def forward(bars: Bars, horizon: int) -> np.ndarray:
    return np.log(later(bars.close, horizon) / bars.close)


def under_noise(values: np.ndarray, seed: int, correlation: float) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(len(values)) * values.std()
    return values + noise * np.sqrt(1 / correlation**2 - 1)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("horizon", [2, 6, 24, 72, 288])
def test_a_forward_return_under_three_times_its_noise_is_named(horizon: int, seed: int) -> None:
    bars = synthetic_bars(20_000, seed)
    past = np.log(bars.close / np.concatenate([np.repeat(bars.close[:1], horizon), bars.close[:-horizon]]))
    assert named(bars, under_noise(forward(bars, horizon), seed, 0.3))
    assert not named(bars, under_noise(past, seed, 0.3))


def past_moves(bars: Bars, seed: int) -> np.ndarray:
    """Random features of the moves of the last bars [T, 300]."""
    moves = pd.Series(np.log(bars.close)).diff().fillna(0.0)
    table = np.column_stack(
        [each.rolling(span, min_periods=1).mean() for span in (3, 12, 48, 96, 192) for each in (moves, moves.abs())]
    )
    random = np.random.default_rng(seed)
    weights = 0.5 * random.standard_normal((table.shape[1], 300))
    return np.cos(table / table.std(axis=0) @ weights + 2 * np.pi * random.random(300))


@pytest.mark.parametrize("seed", range(3))
def test_a_prediction_of_the_bars_it_was_fitted_to_is_named_and_one_of_later_bars_is_not(seed: int) -> None:
    bars = synthetic_bars(16_000, seed)
    shown, target = past_moves(bars, seed), forward(bars, 24)
    fitted_to = [(slice(0, 8000), slice(0, 8000)), (slice(8000, None), slice(8000, None))]
    in_sample, walked_forward = np.full(len(bars), np.nan), np.full(len(bars), np.nan)
    for fit, predict in [*fitted_to, (slice(0, 7900), slice(8000, None))]:
        gram = shown[fit].T @ shown[fit] + 5 * np.eye(shown.shape[1])
        made = in_sample if fit == predict else walked_forward
        made[predict] = shown[predict] @ np.linalg.solve(gram, shown[fit].T @ target[fit])
    assert named(bars, in_sample)
    assert not named(bars, walked_forward)


@pytest.mark.parametrize("seed", range(4))
def test_the_sign_of_a_centred_mean_is_named_and_that_of_past_bars_is_not(seed: int) -> None:
    bars = synthetic_bars(20_000, seed)
    moves = pd.Series(np.log(bars.close)).diff().fillna(0.0)
    for centred in (True, False):
        state = (moves.rolling(101, center=centred, min_periods=1).mean() > 0).to_numpy().astype(float)
        assert named(bars, state) == centred


SERIES: dict[str, Callable[[Bars], np.ndarray]] = {
    "close": lambda bars: bars.close,
    "log close": lambda bars: np.log(bars.close),
    "volume": lambda bars: bars.volume,
    "log volume": lambda bars: np.log1p(bars.volume),
}


def robust(values: np.ndarray, fitted_to: np.ndarray) -> np.ndarray:
    return (values - np.median(fitted_to)) / np.subtract(*np.quantile(fitted_to, [0.75, 0.25]))


def share_below(values: np.ndarray, fitted_to: np.ndarray) -> np.ndarray:
    return np.searchsorted(np.sort(fitted_to), values, side="right") / len(fitted_to)


def cut_in_five(values: np.ndarray, fitted_to: np.ndarray) -> np.ndarray:
    return np.searchsorted(np.quantile(fitted_to, [0.2, 0.4, 0.6, 0.8]), values).astype(float)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("scaling", [robust, share_below, cut_in_five])
@pytest.mark.parametrize("series", SERIES)
def test_a_scaling_by_the_whole_file_is_named_and_one_by_its_first_part_is_not(
    series: str, scaling: Callable[[np.ndarray, np.ndarray], np.ndarray], seed: int
) -> None:
    bars = synthetic_bars(6000, seed)
    values = SERIES[series](bars)
    assert named(bars, scaling(values, values))
    assert not named(bars, scaling(values, values[:4000]))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("series", SERIES)
def test_a_scaling_by_extremes_is_named_where_only_the_last_bars_can_have_shown_them(series: str, seed: int) -> None:
    bars = synthetic_bars(6000, seed)
    values = SERIES[series](bars)
    from_zero = (values - values.min()) / np.ptp(values)
    last = 0.85 * len(bars)
    late, largest_late = max(values.argmin(), values.argmax()) > last, values.argmax() > last
    assert named(bars, from_zero) == named(bars, 2 * from_zero - 1) == late
    assert named(bars, values / values.max()) == largest_late
    first = values[: int(last)]
    assert not named(bars, (values - first.min()) / np.ptp(first)) or not late


def test_columns_that_are_even_or_run_from_0_to_1_by_themselves_pass() -> None:
    bars = synthetic_bars(20_000, 1)
    share = np.random.default_rng(0).random(len(bars))
    share[[100, 19_000]] = 0.0, 1.0
    number = np.arange(len(bars))
    columns = {
        "share": share,
        "other_share": 1 - share,
        "time": number / (len(bars) - 1),
        "row": number % 10.0,
        "part_of_the_day": bars.time // (8 * 3600 * 10**9) % 3.0,
        "later_half": (number >= len(bars) // 2).astype(float),
        "rolling_rank": pd.Series(bars.close).rolling(500, min_periods=1).rank(pct=True).to_numpy(),
        "rank_so_far": pd.Series(bars.volume).expanding().rank(pct=True).to_numpy(),
    }
    assert leak_evidence(bars, {"volume": bars.volume, **columns}) == []


@pytest.mark.parametrize("half_life", [5, 25, 100, 600])
def test_a_drift_that_is_known_to_the_last_digit_passes(half_life: int) -> None:
    bars = synthetic_bars(40_000, 0)
    random, kept = np.random.default_rng(half_life), 0.5 ** (1 / half_life)
    shocks = pd.Series(random.standard_normal(len(bars)))
    drift = np.sqrt(1 - kept**2) * shocks.ewm(alpha=1 - kept, adjust=False).mean().to_numpy() / (1 - kept)
    moves = random.standard_normal(len(bars)) + 0.15 * np.concatenate([[0.0], drift[:-1]])
    close = 100 * np.exp(np.cumsum(5e-4 * moves))
    bars = evolve(bars, close=close, open=np.concatenate([close[:1], close[:-1]]), high=close, low=close)
    targets = targets_of(bars, sampled(np.arange(1, len(bars) - 2), 10_000), ())
    assert list(explained_averages(bars, {"drift": drift}, targets)) == []
