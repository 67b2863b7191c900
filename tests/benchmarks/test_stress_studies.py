"""The stress program of studies: what it holds against one another, and that it finds a difference."""

import sys
from importlib import import_module
from pathlib import Path

import pytest

STRESS = Path(__file__).resolve().parents[2] / "benchmarks" / "stress"


def test_it_reads_what_must_not_depend_on_workers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(STRESS)
    studies = import_module("studies")
    assert studies.main(["--quick"]) == 0
    assert "files are held against one another" in capsys.readouterr().out
    found = {"a": 1, "b": [studies.lasting({"loss": 1, "seconds": 2})], "d": 1}
    assert studies.differences(found, {"a": 2, "b": [{"loss": 1}], "c": 1}) == [
        "a differs",
        "c is missing",
        "d is left over",
    ]
    assert sys.modules.pop("studies")
