"""What a call has taken is given back when it is over, wherever it was interrupted."""

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from progressive_app.locks.file_lock import FileLock
from progressive_app.machine import undoing
from progressive_app.machine.undoing import note_undo, undoes_all, undone_after
from progressive_app.store.run_store import RunStore
from progressive_training import Interrupted, ProgressiveTrainer

MANIFEST = {"started": "2026-01-01", "sequence": ["First"]}


@pytest.fixture(autouse=True)
def nothing_is_left() -> Any:
    yield
    undoing.undo_what_is_left()
    assert undoing._noted == []


def test_a_lock_that_a_call_left_is_free_for_the_next_one_while_its_exception_lives(tmp_path: Path) -> None:
    @undoes_all
    def interrupted() -> None:
        lock = FileLock(tmp_path / ".lock")
        lock.acquire(0)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):  # whose traceback holds the lock
        interrupted()
    FileLock(tmp_path / ".lock").acquire(0)


def test_what_is_left_even_by_the_end_of_a_call_is_undone_by_the_next_lock(tmp_path: Path, monkeypatch: Any) -> None:
    """As where the interrupt comes in that very line."""

    @undoes_all
    def ended() -> None:
        FileLock(tmp_path / ".lock").acquire(0)
        locks.append(note_undo(lambda: None))

    locks: list[object] = []
    monkeypatch.setattr(undoing, "_undo_for", lambda call: locks.append(call))
    ended()
    assert locks[1:]  # its frame is still at hand
    FileLock(tmp_path / ".lock").acquire(0)


def test_a_call_that_goes_on_keeps_its_lock_also_in_another_thread(tmp_path: Path) -> None:
    taken, over = threading.Event(), threading.Event()

    @undoes_all
    def holding() -> None:
        FileLock(tmp_path / ".lock").acquire(0)
        taken.set()
        over.wait(60)

    thread = threading.Thread(target=holding)
    thread.start()
    taken.wait(60)
    try:
        with pytest.raises(TimeoutError):
            FileLock(tmp_path / ".lock").acquire(0)
    finally:
        over.set()
        thread.join()
    FileLock(tmp_path / ".lock").acquire(0)


def test_a_lock_taken_outside_of_any_call_is_its_callers(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / ".lock")
    lock.acquire(0)
    with pytest.raises(TimeoutError):
        FileLock(tmp_path / ".lock").acquire(0)
    lock.release()


def test_inner_calls_undo_their_own_and_the_last_comes_first() -> None:
    undone: list[str] = []

    @undoes_all
    def inner() -> None:
        note_undo(lambda: undone.append("inner"))

    @undoes_all
    def outer() -> None:
        note_undo(lambda: undone.append("first"))
        note_undo(lambda: undone.append("second"))
        inner()
        undone.append("inner is over")
        with undone_after(lambda: undone.append("within")):
            pass

    outer()
    assert undone == ["inner", "inner is over", "within", "second", "first"]


@pytest.mark.parametrize("name", ["log.jsonl", "state.json", "checkpoints", ".run.partial"])
def test_a_run_whose_removal_was_cut_short_is_whole_or_makes_room_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    run = tmp_path / "run"
    store = RunStore.create(run, {}, MANIFEST)
    (run / "log.jsonl").write_text("{}\n")
    unlink, rmtree = Path.unlink, shutil.rmtree

    def interrupted(remove: Callable[..., None], path: Path, **how: Any) -> None:
        if path.name == name:
            raise KeyboardInterrupt
        remove(path, **how)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda path, **how: interrupted(unlink, path, **how))
        patch.setattr(shutil, "rmtree", lambda path, **how: interrupted(rmtree, path, **how))
        with pytest.raises(KeyboardInterrupt):
            store.discard()
    store.close()
    if (run / "state.json").exists():
        RunStore.open(run).discard()
    RunStore.create(run, {}, MANIFEST).close()
    assert not (run / "log.jsonl").exists()


def test_a_trainer_called_from_its_own_callback_keeps_its_run_dir_and_its_stop(workshop: Any) -> None:
    seen: list[Path | None] = []

    def on_episode(report: Any) -> None:
        if report.bucket == "First" and not seen:
            seen.append(trainer.run_dir)
            trainer.train_bucket("Second", episodes=1)
            seen.append(trainer.run_dir)
            trainer.interrupt()
            with pytest.raises(Interrupted):
                trainer.train_bucket("Second")

    trainer: ProgressiveTrainer = workshop.trainer(None, on_episode=on_episode)
    with pytest.raises(Interrupted) as stopped:
        trainer.train_progressively()
    assert stopped.value.run_dir == trainer.run_dir == seen[0] == seen[1]
