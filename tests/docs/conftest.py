"""A place to run what the documents show: bars, small settings, and a run in the place that the documents name."""

import json
from contextlib import chdir
from pathlib import Path

import pandas as pd
import pytest

from progressive_front.cli import main
from progressive_market.bars import synthetic_bars

RUN = "runs/20260101-120000"
SMALL = {
    "DEVICE": "cpu",
    "SEQUENCE": ["Scalping", "Medium"],
    "HORIZON_RANGE": [6, 48],
    "EPISODES": 2,
    "TRANSFER_COOLDOWN": 1,
    "SYNTHETIC_BARS": 3000,
    "PARALLEL_EPISODES": 4,
    "EPISODE_BARS": 16,
    "BATCH_SIZE": 32,
    "UPDATES_PER_EPISODE": 1,
}


@pytest.fixture(scope="session")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the files that the documents speak of, and a finished run with scratch arms."""
    place = tmp_path_factory.mktemp("workplace")
    made = synthetic_bars(6000, seed=1)
    columns = {name: getattr(made, name) for name in ("open", "high", "low", "close", "volume")}
    times = pd.date_range(pd.Timestamp("2024-07-01"), periods=len(made), freq="h")
    frame = pd.DataFrame({"time": times, **columns})
    frame.to_parquet(place / "btcusdt_1h.parquet")
    frame.to_csv(place / "now.csv", index=False)
    (place / "config.json").write_text(json.dumps(SMALL))
    with chdir(place):
        assert main(["--data", "btcusdt_1h.parquet", "--run-dir", RUN, "--scratch-arms"]) == 0
    return place
