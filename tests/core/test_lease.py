"""Runs on a disk whose file locks do not hold: one holder at a time, and one that was given up writes nothing more."""

import errno
import fcntl
import json
from pathlib import Path

import pytest

from progressive_app.locks import lease
from progressive_app.locks.lease import Claim, claimed_by
from progressive_app.locks.lock import is_free
from progressive_app.store.run_store import RunStore
from progressive_app.testing.scene import episode_report
from progressive_core.contract.errors import RunError
from progressive_core.contract.records import Sizes


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    monkeypatch.setattr(lease, "BEAT", 0.02)
    monkeypatch.setattr(lease, "STALE", 0.4)
    with claimed_by(Claim(session="one", attempt=1)):
        store = RunStore.create(tmp_path / "run", {}, {"started": "2026-01-01", "sequence": ["Short"]})
    store.close()
    return tmp_path / "run"


def test_a_run_has_one_holder_and_is_free_behind_it(run: Path) -> None:
    store = RunStore.open(run)
    with pytest.raises(RunError, match=r"process \d+ on .+ is training this run; wait for it, or stop it"):
        RunStore.open(run)
    store.close()
    RunStore.open(run).close()
    assert not (run / ".lease").exists()


def test_an_attempt_that_was_given_up_stops_before_its_next_write(run: Path) -> None:
    with claimed_by(Claim(session="two", attempt=1)):
        first = RunStore.open(run)
    with claimed_by(Claim(session="two", attempt=2)):
        second = RunStore.open(run)
    for write in (
        lambda: first.record_episode("Short", episode_report(1)),
        lambda: first.go_back(Sizes(parallel_episodes=1, batch_size=1)),
        first.discard,
    ):
        with pytest.raises(RunError, match=r"taken over by attempt 2 on .+ stops before its next commit"):
            write()
    first.close()
    second.record_episode("Short", episode_report(1))
    assert len((run / "metrics.jsonl").read_text().splitlines()) == 1
    second.close()


def test_one_whose_machine_is_gone_is_waited_for_and_taken_over(run: Path) -> None:
    gone = {"host": "elsewhere", "process": 1, "began": 0.0, "session": "", "attempt": 1, "token": "0"}
    (run / ".lease").write_text(json.dumps(gone))
    assert not is_free(run)
    RunStore.open(run).close()
    (run / ".lease").write_text("{")
    with pytest.raises(RunError, match=r"\.lease: not a lease of this program .+ remove it if nobody trains this run"):
        RunStore.open(run)
