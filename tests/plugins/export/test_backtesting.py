"""`export --to backtesting`: backtesting.py comes to the model's total, longs and shorts at the same fills."""

import json
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from attrs import evolve

from progressive_front.cli import main
from progressive_training import load_model

pytest.importorskip("backtesting", reason="backtesting.py is not installed")
pytestmark = pytest.mark.filterwarnings(
    "ignore:DatetimeIndex.dayofweek"
)  # of pandas, in the statistics of backtesting.py


def found_by(out: Path, monkeypatch: pytest.MonkeyPatch) -> pd.Series:
    """What the script that was written finds with backtesting.py."""
    spec = spec_from_file_location("backtest", out / "backtest.py")
    script: Any = module_from_spec(spec)
    spec.loader.exec_module(script)
    monkeypatch.setattr(sys, "stderr", sys.__stdout__)  # where its progress goes
    found: pd.Series = script.backtest_of(out).run()
    return found


@pytest.mark.parametrize("bucket", ["Short", "Committee"])
def test_the_total_is_that_of_the_model(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    out = tmp_path / "out"
    assert main(["export", f"mine/{bucket}", "--to", "backtesting", "--out", str(out), "--policy", "strategy"]) == 0
    said = capsys.readouterr().out
    model = load_model(f"mine/models/{bucket}", policy="strategy")
    since = model.card.trained_until
    charged = model.trajectory("bars.csv", since)
    facts = json.loads((out / "costs.json").read_text())
    assert facts["total_with_funding_and_borrowing"] == pytest.approx(charged["equity"].iloc[-1] - 1, abs=1e-12)
    assert "backtesting.py knows no funding and borrowing" in said
    model.card = model.card.uncharged()
    rows = model.trajectory("bars.csv", since)
    assert facts["total"] == pytest.approx(rows["equity"].iloc[-1] - 1, abs=1e-9)

    found = found_by(out, monkeypatch)
    assert found["Return [%]"] / 100 == pytest.approx(rows["equity"].iloc[-1] - 1, abs=1e-5)
    trades = found["_trades"].sort_values("EntryTime")
    entered = rows[(rows["position"] != rows["position"].shift(fill_value="flat")) & (rows["position"] != "flat")]
    assert [str(time) + "+00:00" for time in trades["EntryTime"]] == [str(time) for time in entered.index]
    assert trades["EntryPrice"].tolist() == pytest.approx(entered["fill"].tolist())
    assert ["long" if size > 0 else "short" for size in trades["Size"]] == entered["position"].tolist()
    assert set(entered["position"]) == {"long", "short"} and len(entered) > 20


def test_absent_bars_fill_at_the_next_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bars = pd.read_csv("bars.csv")
    bars.drop(index=range(3_500, 3_900, 7)).to_csv(tmp_path / "thin.csv", index=False)
    model = load_model("mine/models/Short", policy="strategy")
    card = evolve(model.card, fill_minutes=120.0).uncharged()
    monkeypatch.setattr("progressive_front.export.run_export.load_model", lambda *_, **__: _with(model, card))
    out = tmp_path / "out"
    words = ["--data", str(tmp_path / "thin.csv"), "--out", str(out), "--policy", "strategy"]
    assert main(["export", "mine/Short", "--to", "backtesting", *words]) == 0
    rows = _with(model, card).trajectory(str(tmp_path / "thin.csv"))
    assert found_by(out, monkeypatch)["Return [%]"] / 100 == pytest.approx(rows["equity"].iloc[-1] - 1, abs=1e-5)


def _with(model: Any, card: Any) -> Any:
    model.card = card
    return model
