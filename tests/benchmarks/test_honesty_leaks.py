"""Every kind of leak of the benchmark is named by the leak check; honest columns are not."""

from importlib import import_module

import numpy as np
import pytest

from progressive_market.bars import synthetic_bars
from progressive_market.bars.leaks.leak_check import leak_evidence

HORIZONS = (72, 144, 288, 576)
BARS = 60_000
KINDS = (
    "next fill's return",
    "return of bar t + 5",
    "return over a bucket's horizon",
    "day's final high and low",
    "day's final close",
    "next close",
    "product of two columns",
    "difference of two columns",
    "detrended over the whole file",
    "z-score over the whole file",
    "next bar's range",
    "next bar's volume",
    "in 3 % of the rows",
    "in 3 % of the rows, by chance",
    "centred average",
    "label",
    "indicator of later bars",
    "in-sample prediction",
    "noisy forward return",
    "scaled by the whole file",
)


def test_every_kind_is_asked_about() -> None:
    assert set(import_module("honesty_leaks").LEAKS) == set(KINDS)


@pytest.mark.parametrize("variant", [0, 1])
@pytest.mark.parametrize("kind", KINDS)
def test_a_leak_is_named(kind: str, variant: int) -> None:
    bars = synthetic_bars(BARS, 3)
    columns = import_module("honesty_leaks").LEAKS[kind][variant](bars, np.random.default_rng(2))
    found = leak_evidence(bars, columns, HORIZONS)
    assert found
    assert {name for evidence in found for name in evidence.columns} <= set(columns)


@pytest.mark.parametrize("seed", [4, 5])
def test_honest_columns_are_not_named(seed: int) -> None:
    bars = synthetic_bars(BARS, seed)
    columns = {name: make(bars) for name, make in import_module("honesty_leaks").HONEST.items()}
    assert leak_evidence(bars, {**columns, **bars.extra, "volume": bars.volume}, HORIZONS) == []


@pytest.mark.parametrize(
    ("drift", "horizons"), [(4e-5, HORIZONS), (8e-5, (1, 3, 6, 12, 24, 72)), (8e-5, (24, 48, 96, 288))]
)
def test_a_column_that_shows_a_drift_which_lasts_is_not_named(drift: float, horizons: tuple[int, ...]) -> None:
    bars = import_module("honesty_markets").fine_bars(drift, 9001, BARS)
    assert leak_evidence(bars, {**bars.extra, "volume": bars.volume}, horizons) == []
