"""The benchmark of the detectors of regimes, on few bars."""

import pytest


def test_it_counts_right_bars_and_rows_that_change(capsys: pytest.CaptureFixture[str]) -> None:
    import planted_regimes
    import regime_detection

    market = planted_regimes.regime_bars("half", 8_000, seed=2)
    right = regime_detection.bars_right(market)
    assert right.detectors["hmm"] > 0.9 > 0.5 < right.rolling_mean < right.detectors["hmm"]
    found = regime_detection.changed(market.truth.bars, "hmm")
    assert (found.rows, found.windows, found.of_windows) == (0, 0, 1500)
    assert regime_detection.seconds(3_000, "quantile", times=1).without > 0
