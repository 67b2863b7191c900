"""The stress program of interrupts: the next call works, and one that does not is found out."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from progressive_app.machine import undoing

STRESS = Path(__file__).resolve().parents[2] / "benchmarks" / "stress"


@pytest.fixture
def interrupts(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(STRESS)
    return import_module("interrupts")


def test_after_ctrl_c_at_any_line_the_next_call_works(interrupts: Any, capsys: Any) -> None:
    assert interrupts.main(["--quick", "--kinds", "begin", "resume", "copy"]) == 0
    assert "0 faults" in capsys.readouterr().out


def test_a_lock_that_is_left_is_found_out(interrupts: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the line that would release it, and with nobody who looks after what a call has left."""

    def begin(directory: Path) -> object:
        return interrupts.TINY(directory, EPISODES=1, SEQUENCE=["First"]).train_progressively()

    make = interrupts.partial(interrupts.TINY, EPISODES=1, SEQUENCE=["First"])
    trial = interrupts.Trial(tmp_path, begin, interrupts.partial(interrupts.begun_or_resumed, make))
    (release,) = [line for line in trial.lines if "store.close()" in interrupts.text_of(line) and line.time == 1]
    assert trial.fault(release, 0) == ""
    monkeypatch.setattr(undoing, "_undo", lambda notes: None)
    assert "another process, or trainer of this one" in trial.fault(release, 0)
