"""Trainings with too little address space: each ends in one line, before a run is begun."""

import subprocess
import sys
from importlib import import_module

import pytest

from progressive_app.machine.address_space import check_address_space
from progressive_app.machine.shortage import is_shortage


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_a_training_without_room_for_torch_ends_in_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    assert import_module("stress.address_space").main(["--quick"]) == 0
    *steps, last = capfd.readouterr().out.splitlines()
    assert last.endswith(": 0 finished, 2 one line, 0 other")
    assert all(" MB (ulimit -v), and torch, pandas, pyarrow and a small training need more" in step for step in steps)


def test_without_a_limit_nothing_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr(subprocess, "run", None)
    check_address_space()


@pytest.mark.parametrize("kind", [ImportError, OSError])
def test_a_library_that_has_no_room_is_a_matter_of_memory(kind: type[Exception]) -> None:
    assert is_shortage(kind("libtorch_cpu.so: failed to map segment from shared object"))
    assert not is_shortage(kind("libtorch_cpu.so: cannot open shared object file: No such file or directory"))
