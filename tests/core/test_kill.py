"""A run killed with SIGKILL at four moments of its second bucket, each time resumed by a new process, ends as one that was left alone
in this process, with the real buckets."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from progressive_front.cli import main

PLAIN = ("-p", "no:console", "-p", "no:report")
TINY = [
    *("--sequence", "Scalping,Short", "--episodes", "4", "--set", "SYNTHETIC_BARS=4000"),
    *("--set", "HORIZON_RANGE=[1,24]", "--set", "TRANSFER_COOLDOWN=2", *PLAIN),
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


MOMENTS = ("Short: weights", "Short: episode 1 of 4", "Short: episode 3 of 4", "Short: finished, all episodes trained")


def test_a_run_that_is_killed_again_and_again_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    whole, run = tmp_path / "whole", tmp_path / "run"
    assert main(["--run-dir", str(whole), *TINY]) == 0
    told, words = "", TINY
    for moment in MOMENTS:
        with start("--run-dir", str(run), *words) as process:
            assert process.stdout is not None
            seen = list(until(process.stdout, moment))
            assert moment in seen[-1]
            process.send_signal(signal.SIGKILL)
        told, words = told + "".join(seen), ["--resume", *PLAIN]
    told += finish("--run-dir", str(run), *words)
    assert told.count("Scalping: episode 1 of 4") == 1, "it was finished when the run was killed"
    assert all(result["evaluation"] for result in json.loads((run / "state.json").read_text())["results"])
    for bucket in ("Scalping", "Short"):
        model = Path("models") / bucket / "model.safetensors"
        assert (run / model).read_bytes() == (whole / model).read_bytes()
    timings = ("seconds", "memory_used", "transfers")
    assert lines(run / "metrics.jsonl", *timings) == lines(whole / "metrics.jsonl", *timings)
    timings = ("seconds", "proof_seconds", "shared_seconds")
    assert lines(run / "ledger.jsonl", *timings) == lines(whole / "ledger.jsonl", *timings)


def until(printed: Iterable[str], moment: str) -> Iterator[str]:
    """The lines up to the one with `moment`."""
    for line in printed:
        yield line
        if moment in line:
            return
