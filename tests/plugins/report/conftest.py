"""Runs on synthetic markets, trained once: one with a planted signal and kept transfers, one too short to show anything."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from progressive_training import ProgressiveTrainer, resolve
from progressive_training.market import synthetic_bars


def trained(directory: Path, *, scratch_arms: bool = False, **settings: Any) -> Path:
    asked = {"SEQUENCE": ["Scalping", "Short"], "DEVICE": "cpu", **settings}
    resolved = resolve(None, asked)
    trainer = ProgressiveTrainer(
        lambda line: None, settings=resolved, run_dir=directory / "run", plugins=("no:report",)
    )
    trainer.train_progressively(scratch_arms=scratch_arms)
    return directory / "run"


@pytest.fixture(scope="session")
def planted_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a run in which Short was taught by Scalping, both have an edge, and the scratch arms were trained."""
    directory = tmp_path_factory.mktemp("planted")
    return trained(directory, scratch_arms=True, SYNTHETIC_BARS=60_000, EPISODES=6, TRANSFER_COOLDOWN=4)


@pytest.fixture(scope="session")
def idle_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a short run without costs on a file of bars, `bars.csv` beside it, that trades, shows no edge and transfers nothing."""
    directory = tmp_path_factory.mktemp("idle")
    bars = synthetic_bars(4_000, 1)
    columns = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    times = pd.to_datetime(bars.time, utc=True)
    pd.DataFrame({"time": times, **columns}).to_csv(directory / "bars.csv", index=False)
    return trained(
        directory,
        DATA=str(directory / "bars.csv"),
        EPISODES={"Scalping": 3},
        UPDATES_PER_EPISODE=5,
        FEE=0.0,
        SLIPPAGE=0.0,
        HORIZON_RANGE=[1, 24],
    )
