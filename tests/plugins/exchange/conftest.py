"""Exchanges on 127.0.0.1 for the real ccxt."""

import importlib.util
import json
import sys
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest

from progressive_front.cli import main

TINY = {
    "SEQUENCE": ["Scalping"],
    "EPISODES": 1,
    "DATA": "trained.csv",
    "PARALLEL_EPISODES": 4,
    "EPISODE_BARS": 16,
    "BATCH_SIZE": 32,
    "UPDATES_PER_EPISODE": 1,
    "DEVICE": "cpu",
}

pytest.importorskip("ccxt", reason="the extra [live] is not installed")
_spec = importlib.util.spec_from_file_location("loopback", Path(__file__).parent / "loopback.py")
assert _spec is not None and _spec.loader is not None
loopback = sys.modules["loopback"] = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(loopback)


@pytest.fixture
def exchanges(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """What the exchanges know and are asked; ccxt speaks to them, and nobody waits."""
    known = loopback.Exchanges()
    known.waits = []
    monkeypatch.setattr("progressive_app.exchanges.closed_bars.sleep", known.waits.append)
    with loopback.served(known) as address:
        loopback.point_to(address, monkeypatch)
        yield known


@pytest.fixture(scope="package")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a run, `mine`, on the bars of `traded_bars`."""
    directory = tmp_path_factory.mktemp("workplace")
    with chdir(directory):
        loopback.traded_bars().assign(symbol="BTCUSDT").to_csv("trained.csv", index=False)
        Path("config.json").write_text(json.dumps(TINY))
        assert main(["--run-dir", "mine", "-p", "no:report", "-p", "no:console"]) == 0
    return directory
