"""The stress program of leases: a quick run of it ends, and a lock that holds nobody off is found out."""

from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest


@pytest.fixture
def turns() -> Any:
    return import_module("stress.turns")


def test_every_turn_is_one_of_one_process(turns: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert turns.main(["--quick"]) == 0
    first, second, last = capsys.readouterr().out.splitlines()
    assert first.startswith("ENOSYS: ") and second.startswith("ENOLCK, no links: ")
    assert last.endswith(" kills, 0 wrong")


def test_two_at_once_are_found_out(turns: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "lock_run", lambda run: SimpleNamespace(release=lambda: None))
    monkeypatch.setattr(turns.Disk, "put_in", lambda disk: None)
    monkeypatch.setattr(turns, "sleep", lambda seconds: (tmp_path / "inside").write_text("another one"))
    ours, theirs = get_context("spawn").Pipe(duplex=False)
    turns.take_turns(tmp_path, turns.DISKS[0], 1, 0, theirs)
    assert ours.recv() == "together"
    ours.close()
    theirs.close()
