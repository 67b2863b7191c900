"""A place to run what the documents show: bars, small settings, and a run in the place that the documents name."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import chdir, contextmanager
from inspect import isfunction
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rich.table import Table

from progressive_front import training
from progressive_front.cli import main
from progressive_front.commands import listings, show_config, show_evaluation, show_signal
from progressive_market.bars import synthetic_bars
from progressive_studies.challenge import challenge_tables
from progressive_studies.transfer_report import tables

DRAWING = (listings, show_config, show_evaluation, show_signal, challenge_tables, tables, training)
"""Modules that draw tables: they are imported here, so that the heads can be recorded."""
RUN = "runs/20260101-120000"
SMALL = {
    "DEVICE": "cpu",
    "SEQUENCE": ["Scalping", "Medium"],
    "HORIZON_RANGE": [6, 48],
    "EPISODES": 2,
    "PATIENCE": 2,
    "TRANSFER_COOLDOWN": 1,
    "SYNTHETIC_BARS": 3000,
    "PARALLEL_EPISODES": 4,
    "EPISODE_BARS": 16,
    "BATCH_SIZE": 32,
    "UPDATES_PER_EPISODE": 1,
}


class Heads:
    """The heads of all tables that are drawn while it is `recording`: those of rich, and those of plain text."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    @contextmanager
    def recording(self) -> Iterator[None]:
        column = Table.add_column

        def add_column(drawn: Table, header: Any = "", *rest: Any, **options: Any) -> None:
            self.seen.add(str(header))
            column(drawn, header, *rest, **options)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Table, "add_column", add_column)
            for module in [module for name, module in sys.modules.items() if name.startswith("progressive_")]:
                if isfunction(plain := getattr(module, "table", None)):
                    patch.setattr(module, "table", self._recorded(plain))
            yield

    def _recorded(self, plain: Callable[..., str]) -> Callable[..., str]:
        def table(header: Sequence[str], *rest: Any) -> str:
            self.seen.update(header)
            return plain(header, *rest)

        return table


@pytest.fixture(scope="session")
def heads() -> Heads:
    return Heads()


@pytest.fixture(scope="session")
def workplace(tmp_path_factory: pytest.TempPathFactory, heads: Heads) -> Path:
    """A directory with the files that the documents speak of, and a finished run with scratch arms."""
    place = tmp_path_factory.mktemp("workplace")
    made = synthetic_bars(6000, seed=1)
    columns = {name: getattr(made, name) for name in ("open", "high", "low", "close", "volume")}
    times = pd.date_range(pd.Timestamp("2024-07-01"), periods=len(made), freq="h")
    frame = pd.DataFrame({"time": times, **columns})
    frame.to_parquet(place / "btcusdt_1h.parquet")
    frame.to_csv(place / "now.csv", index=False)
    (place / "config.json").write_text(json.dumps(SMALL))
    with chdir(place), heads.recording():
        assert main(["--data", "btcusdt_1h.parquet", "--run-dir", RUN, "--scratch-arms", "--sequence", "auto"]) == 0
    return place
