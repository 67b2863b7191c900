"""The real QuantStats reads the returns that are exported, and comes to the model's total."""

import json
import re
import subprocess
import sys
from contextlib import chdir
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from progressive_front.cli import main
from progressive_training import load_model

with pytest.MonkeyPatch.context() as patch:
    patch.setenv("MPLBACKEND", "Agg")
    quantstats = pytest.importorskip("quantstats", reason="quantstats is not installed: pip install quantstats")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # warnings of QuantStats, which is another's
TINY = {
    "DEVICE": "cpu",
    "SEQUENCE": ["Short"],
    "HORIZON_RANGE": [6, 48],
    "EPISODES": 2,
    "SYNTHETIC_BARS": 4_000,
    "BATCH_SIZE": 256,
    "UPDATES_PER_EPISODE": 20,
}


def test_it_comes_to_the_model_s_total_and_draws_a_tear_sheet(tmp_path: Path) -> None:
    with chdir(tmp_path):
        Path("config.json").write_text(json.dumps(TINY))
        assert main(["--run-dir", "mine", "-p", "no:report", "-p", "no:console"]) == 0
        assert main(["export", "mine/Short", "--to", "quantstats", "--out", "out", "--policy", "strategy"]) == 0
    returns = pd.read_csv(tmp_path / "out/returns.csv", index_col="date", parse_dates=True)
    model = load_model(tmp_path / "mine/models/Short", policy="strategy")
    from progressive_training.market import synthetic_bars

    rows = model.trajectory(synthetic_bars(4_000, seed=0), model.card.trained_until)
    own = rows["equity"].iloc[-1] - 1
    assert abs(own) > 0.01
    assert quantstats.stats.comp(returns["strategy"]) == pytest.approx(own, abs=1e-9)
    equity = np.concatenate([[1.0], (1 + returns["strategy"]).cumprod()])
    drawdown = float((equity / np.maximum.accumulate(equity) - 1).min())
    assert quantstats.stats.max_drawdown(returns["strategy"]) == pytest.approx(drawdown, abs=1e-3)
    subprocess.run([sys.executable, "tearsheet.py"], cwd=tmp_path / "out", check=True, capture_output=True)
    page = (tmp_path / "out/tearsheet.html").read_text("utf-8")
    shown = re.search(r"Cumulative Return</td><td>.*?</td><td>(.*?)%</td>", page)
    assert shown and float(shown[1].replace(",", "")) == pytest.approx(100 * own, abs=0.01)
