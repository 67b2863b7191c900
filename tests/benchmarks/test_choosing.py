"""Walking forward: each year is tested by what was trained before it, and the last years are not read by the way."""

from pathlib import Path

import numpy as np
import pytest
from attrs import evolve
from rich.console import Console

from progressive_market.bars import Bars, synthetic_bars
from progressive_market.split import split_bars

HOUR = 3600 * 10**9


@pytest.fixture(scope="module")
def bars() -> Bars:
    """Hours from August 2017 to August 2025."""
    made = synthetic_bars(70_000, seed=1)
    time = np.datetime64("2017-08-17T04", "ns").astype(np.int64) + HOUR * np.arange(len(made))
    return evolve(made, time=time)


def test_each_years_test_part_is_that_year_alone(bars: Bars) -> None:
    import choosing

    stops = []
    for year in (*choosing.YEARS, *choosing.LAST):
        until = choosing.year_of(bars, year)
        split = split_bars(len(until), 288, 0.15, choosing.YEAR / len(until), "Medium")
        begin = np.datetime64(int(until.time[split.test.start]), "ns")
        assert abs(begin - np.datetime64(f"{2019 + year}-07-01")) < np.timedelta64(3, "D")
        assert split.validation.stop + 288 < split.test.start
        stops.append(until.time[-1])
    assert stops[len(choosing.YEARS) - 1] < np.datetime64("2023-07-03", "ns").astype(np.int64)


def test_what_is_in_the_file_is_not_trained_again_and_differences_are_paired(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import choosing

    points = {"default": 10.0, "fixed": 13.0}
    asked = []

    def measured(key: "choosing.Key", real: Bars) -> "choosing.Row":
        asked.append(key)
        return choosing.Row(*key, points=points[key[1]] + 100 * key[3], blocks=(0.1, 0.2))

    monkeypatch.setattr(choosing, "measured", measured)
    monkeypatch.setattr(choosing, "configured_bars", lambda settings: None)
    keys = [("easy", arm, "Medium", seed, 0) for seed in (1, 2) for arm in points]
    choosing.fill(tmp_path / "rows", keys[:3], tmp_path)
    choosing.fill(tmp_path / "rows", keys, tmp_path)
    assert asked == keys
    console = Console(width=160, record=True)
    choosing.show(choosing.rows_of(tmp_path / "rows"), console)
    assert "163.0 (+3.0 ± 0.0)" in console.export_text()


def test_slow_averages_are_there_while_an_arm_is_opened_only() -> None:
    import choosing

    from progressive_market import market
    from progressive_market.features import feature_table

    with choosing.averages_of("slow averages"):
        assert feature_table.SCALES == market.SCALES == (1, 6, 24, 96, 288, 1000, 2000)
    with choosing.averages_of("fixed"):
        assert feature_table.SCALES == market.SCALES == (1, 6, 24, 96, 288)
