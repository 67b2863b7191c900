"""A finished run whose models trade, and its bars, for the exporters."""

import json
from contextlib import chdir
from pathlib import Path

import pandas as pd
import pytest

from progressive_front.cli import main
from progressive_training.market import synthetic_bars

TINY = {
    "DEVICE": "cpu",
    "SEQUENCE": ["Scalping", "Short", "Committee"],
    "HORIZON_RANGE": [6, 48],
    "EPISODES": 2,
    "DATA": "bars.csv",
    "REGIMES": "hmm",
    "PARALLEL_EPISODES": 4,
    "EPISODE_BARS": 16,
    "BATCH_SIZE": 256,
    "UPDATES_PER_EPISODE": 20,
    "FEE": 0.0002,
    "SLIPPAGE": 0.0,
    "FUNDING": 0.05,
    "BORROW": 0.02,
    "CAPITAL_ALLOCATION": 0.8,
}


def frame(count: int) -> pd.DataFrame:
    """Hourly bars of a synthetic market with a column `mood`, and a gap."""
    bars = synthetic_bars(count, seed=3)
    columns = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    made = pd.DataFrame({"time": pd.to_datetime(bars.time), **columns}).assign(mood=bars.close % 7)
    return made.drop(index=range(count - 700, count - 660))


@pytest.fixture(scope="session")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with `mine`, a finished run of two buckets and a committee, and its `bars.csv`."""
    directory = tmp_path_factory.mktemp("exported")
    with chdir(directory):
        frame(4_000).to_csv("bars.csv", index=False)
        Path("config.json").write_text(json.dumps(TINY))
        assert main(["--run-dir", "mine", "-p", "no:report", "-p", "no:console"]) == 0
    return directory


@pytest.fixture(autouse=True)
def _here(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workplace)
