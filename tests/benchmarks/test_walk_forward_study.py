"""The walk-forward study runs from end to end, and its border part would find a look ahead; its targets need a real training."""

from importlib import import_module

import pytest


def test_it_walks_forward_and_fills_its_table(capsys: pytest.CaptureFixture[str]) -> None:
    study = import_module("walk_forward")
    rows = study.flip([100], 1, True)
    assert [row[0] for row in rows][-1] == "flip: the control: forced, of scratch's"
    assert "flip 100, Medium, always" in capsys.readouterr().out


def test_real_bars_that_are_not_there_are_skipped_with_the_reason(tmp_path) -> None:
    rows = import_module("walk_forward").real(tmp_path, [0], 1, True)
    assert rows[0][0] == f"BTC 1 h: skipped, {tmp_path / 'binance_btcusdt_1h.parquet'} is not there"
