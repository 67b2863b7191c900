"""The stress program of kills: it finds killed runs identical, and finds out a run that is not."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

STRESS = Path(__file__).resolve().parents[2] / "benchmarks" / "stress"


def test_a_killed_run_whose_files_are_damaged_ends_identical() -> None:
    """In a process of its own: the program forks, which one with threads must not do."""
    words = [sys.executable, str(STRESS / "kill.py"), "--count", "1", "--damage", "--seed", "3"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("1 of 1 runs ended identical (in each, later buckets changed")


def test_a_run_that_ends_otherwise_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(STRESS)
    kill = import_module("kill")
    for name in ("whole", "run"):
        (tmp_path / name / "models" / "Short").mkdir(parents=True)
        (tmp_path / name / "models" / "Short" / "model.safetensors").write_bytes(b"0")
        (tmp_path / name / "state.json").write_text('{"results": [{"seconds": 1, "score": 2}], "seconds": 3}')
        (tmp_path / name / "metrics.jsonl").write_text('{"loss": 1, "seconds": 2}\n')
    whole, run = tmp_path / "whole", tmp_path / "run"
    (run / "metrics.jsonl").write_text('{"loss": 1, "seconds": 5}\n')
    assert kill.differences(kill.contents(run), kill.contents(whole)) == []
    (run / "metrics.jsonl").write_text('{"loss": 1, "seconds": 5}\n{"loss": 1, "seconds": 5}\n')
    (run / "models" / "Short" / "model.safetensors").write_bytes(b"1")
    (run / "models" / "Short" / ".model.safetensors.partial").touch()
    (run / "state.json").rename(tmp_path / "aside")
    assert kill.differences(kill.contents(run), kill.contents(whole)) == [
        "models/Short/.model.safetensors.partial is left over",
        "state.json is missing",
        "metrics.jsonl differs",
        "models/Short/model.safetensors differs",
    ]
