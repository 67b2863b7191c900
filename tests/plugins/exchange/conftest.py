"""Exchanges on 127.0.0.1 for the real ccxt."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

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
