"""The serving benchmark runs, counts differences where there are some, and times both checkouts."""

from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def parity() -> ModuleType:
    return import_module("serving_parity")


def test_both_tables_are_printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """With this checkout as the one before, and of two kinds of bars: all of them are compared in the test of parity."""
    checkout, serving = str(Path(__file__).resolve().parents[2]), import_module("serving")
    cases = {name: serving.CASES[name] for name in ("plain", "plugin")}
    monkeypatch.setattr(serving, "CASES", cases)
    serving.main(["--quick", "--before", checkout])
    shown = capsys.readouterr().out
    rows = [line for line in shown.splitlines() if "│" in line]
    assert len(rows) == len(cases)
    assert all("pass" in row for row in rows)
    for decision in serving.DECISIONS:
        assert f"{decision}: " in shown
    assert shown.count(" ms before") == 2


def test_equity_is_counted_trade_by_trade(parity: ModuleType) -> None:
    """Long from 100 to 110, then short to 99: of the units that a tenth of a per cent of each side leaves."""
    equity = parity.equity_of(np.array([0, 1, -1, 0, 0]), np.array([90.0, 100.0, 110.0, 99.0, 99.0]), 0.001)
    bought = 0.999 / 100
    long = bought * 110
    sold = (long - 0.001 * long) * 0.999
    assert equity == pytest.approx(
        [1.0, long, sold + sold / 110 * 11, sold + sold / 110 * 11 - 0.001 * sold / 110 * 99]
    )


def test_what_differs_is_counted(parity: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A position that is forgotten on one bar."""
    cases = import_module("serving_cases")
    run = cases.evaluated(cases.plain(6_000, 3), tmp_path / "run")
    lived = parity.lived

    def forgetful(*arguments: object) -> "pd.Series[str]":
        actions = lived(*arguments)
        actions.iloc[10] = "long" if actions.iloc[10] != "long" else "flat"
        return actions

    assert parity.use_parity(run, 20).differences == 0
    monkeypatch.setattr(parity, "lived", forgetful)
    assert parity.use_parity(run, 20).differences >= 2
