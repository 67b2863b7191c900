"""The stress program of searches: what it holds against one another."""

import sys
from importlib import import_module
from pathlib import Path

import pytest

STRESS = Path(__file__).resolve().parents[2] / "benchmarks" / "stress"


def test_it_reads_what_must_not_depend_on_kills(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(STRESS)
    searches = import_module("searches")
    assert searches.main(["--quick"]) == 0
    assert "files are held against one another: 2 trials, 0 given up; trial" in capsys.readouterr().out
    assert sys.modules.pop("searches")
    sys.modules.pop("studies")
