"""Runs on a disk whose file locks do not hold: one holder at a time, and one that was given up writes nothing more."""

import errno
import fcntl
import json
import os
import threading
from pathlib import Path

import pytest

from progressive_app.engines.here import Here
from progressive_app.locks import lease, lock
from progressive_app.locks.lease import Claim, claimed_by
from progressive_app.locks.lock import is_free, lock_run, one_at_a_time
from progressive_app.machine.logs import configure_logging
from progressive_app.store.run_store import RunStore
from progressive_app.testing.scene import episode_report
from progressive_core.contract.errors import RunError
from progressive_core.contract.records import Sizes
from progressive_front.study.study_running import begin_study, run_study
from progressive_studies.study.study_plan import StudyPlan


@pytest.fixture
def no_locks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """A disk on which locking fails."""
    number = getattr(request, "param", errno.ENOLCK)

    def refuse(descriptor: object, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    monkeypatch.setattr(lease, "BEAT", 0.02)
    monkeypatch.setattr(lease, "STALE", 0.4)
    lock._known_disks.cache_clear()
    return int(number)


@pytest.fixture
def run(tmp_path: Path, no_locks: int) -> Path:
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


@pytest.mark.parametrize("no_locks", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL], indirect=True)
def test_each_way_of_having_no_locks_is_told_in_one_line(no_locks: int, tmp_path: Path, capfd) -> None:
    configure_logging()
    for name in ("one", "two"):
        store = RunStore.create(tmp_path / name, {}, {"started": "2026-01-01", "sequence": ["Short"]})
        assert (tmp_path / name / ".lease").exists()
        assert not is_free(tmp_path / name)
        store.close()
        assert is_free(tmp_path / name)
    study = tmp_path / "study"
    begin_study(study, StudyPlan(kind="study", runs=()))
    run_study(study, StudyPlan(kind="study", runs=()), Here(), on_event=print)
    assert sorted(path.name for path in study.iterdir()) == ["plan.json"]
    (line,) = capfd.readouterr().err.splitlines()
    assert f"one: its disk has no file locks ({os.strerror(no_locks)}): who is at work here is kept in .lease" in line


def test_a_study_on_such_a_disk_has_one_process_at_a_time(no_locks: int, tmp_path: Path) -> None:
    study, plan = tmp_path / "study", StudyPlan(kind="study", runs=())
    begin_study(study, plan)
    held = lock_run(study)
    with pytest.raises(RunError, match=r"process \d+ on .+ is at work on this study; wait for it, or stop it"):
        run_study(study, plan, Here(), on_event=print)
    held.release()
    run_study(study, plan, Here(), on_event=print)


@pytest.mark.parametrize("has_locks", [True, False])
def test_processes_take_turns_at_a_file_that_all_of_them_make(
    has_locks: bool, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if not has_locks:
        request.getfixturevalue("no_locks")
    inside, most = [0], [0]

    def make() -> None:
        for _ in range(10):
            with one_at_a_time(tmp_path / "cache/market.arrays", patience=30):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                (tmp_path / "cache/market.arrays").write_bytes(b"made")
                inside[0] -= 1

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
    assert not list((tmp_path / "cache").glob("*lease*"))


def test_a_disk_without_links_has_leases_too(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    store = RunStore.open(run)
    with pytest.raises(RunError, match=r"process \d+ on .+ is training this run"):
        RunStore.open(run)
    store.close()
    (run / ".lease").touch()  # of one that was killed before it wrote into it
    RunStore.open(run).close()


def test_of_two_that_wait_for_a_stale_lease_the_slower_one_leaves_the_other_its_own(run: Path, monkeypatch) -> None:
    gone = {"host": "elsewhere", "process": 1, "began": 0.0, "session": "", "attempt": 1, "token": "0"}
    (run / ".lease").write_text(json.dumps(gone))
    rename, quicker = Path.rename, list[RunStore]()

    def come_second(path: Path, target: Path) -> Path:
        if not quicker:
            quicker.append(None)
            quicker[0] = RunStore.open(run)
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", come_second)
    with pytest.raises(RunError, match="is training this run"):
        RunStore.open(run)
    quicker[0].record_episode("Short", episode_report(1))
    quicker[0].close()
