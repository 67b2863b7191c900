"""A run killed with SIGKILL in its second bucket and resumed ends as one that was left alone, with the real buckets."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TINY = [
    *("--sequence", "Scalping,Short", "--episodes", "4", "--set", "SYNTHETIC_BARS=4000"),
    *("--set", "HORIZON_RANGE=[1,24]", "--set", "TRANSFER_COOLDOWN=2", "-p", "no:console", "-p", "no:report"),
]


def start(*arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "progressive_training", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def finish(*arguments: str) -> str:
    with start(*arguments) as process:
        assert process.stdout is not None
        told = process.stdout.read()
    assert process.returncode == 0
    return told


def lines(file: Path, *without: str) -> list[dict[str, Any]]:
    read = [json.loads(line) for line in file.read_text().splitlines()]
    return [{key: value for key, value in line.items() if key not in without} for line in read]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("whole") / "run"
    finish("--run-dir", str(run), *TINY)
    return run


@pytest.mark.parametrize(
    "moment",
    ["Short: weights", "Short: episode 1 of 4", "Short: episode 3 of 4", "Short: finished, all episodes trained"],
)
def test_a_killed_run_ends_as_if_it_had_not_been(whole: Path, tmp_path: Path, moment: str) -> None:
    run = tmp_path / "run"
    with start("--run-dir", str(run), *TINY) as process:
        assert process.stdout is not None
        assert any(moment in line for line in process.stdout)
        process.send_signal(signal.SIGKILL)
    told = finish("--resume", "--run-dir", str(run))
    assert all(result["evaluation"] for result in json.loads((run / "state.json").read_text())["results"])
    assert "Scalping: episode" not in told
    for bucket in ("Scalping", "Short"):
        model = Path("models") / bucket / "model.safetensors"
        assert (run / model).read_bytes() == (whole / model).read_bytes()
    timings = ("seconds", "memory_used", "transfers")
    assert lines(run / "metrics.jsonl", *timings) == lines(whole / "metrics.jsonl", *timings)
    timings = ("seconds", "proof_seconds", "shared_seconds")
    assert lines(run / "ledger.jsonl", *timings) == lines(whole / "ledger.jsonl", *timings)
