"""The study of markets runs, says what it needs, and compares arms of one seed."""

from importlib import import_module
from pathlib import Path

import pytest


def test_it_says_which_bars_it_lacks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert import_module("markets").main(["--data", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith("left out: no binance_btcusdt_1h_2022_taker.parquet, binance_adausdt")


def test_it_runs_on_made_up_bars(capsys: pytest.CaptureFixture[str]) -> None:
    assert import_module("markets").main(["--quick"]) == 0
    shown = capsys.readouterr().out
    assert all(arm in shown for arm in ("alone", "one", "three", "forced", "buy and hold"))
    assert "4 looks of 1 seeds; 5 trainings" in shown


def test_differences_are_paired_by_seed() -> None:
    markets = import_module("markets")
    tasks = [markets.Task(seed, "Medium", "free", Path(), 6) for seed in (0, 1)]
    alone = [markets.Walk("alone", task, t, 0.1) for task, t in zip(tasks, (1.0, 3.0), strict=True)]
    taught = [
        markets.Walk("one", task, t, 0.3, pupils=4, taught=1, as_alone=3)
        for task, t in zip(tasks, (1.5, 3.5), strict=True)
    ]
    row = markets.row_of("one", [*alone, *taught])
    assert row == ["Medium", "one", "2.50 ± 1.00", "+0.50 ± 0.00", "0.30 ± 0.00", "+0.20 ± 0.00", "2 of 8", "6 of 8"]
