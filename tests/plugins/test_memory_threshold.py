"""MEMORY_THRESHOLD in a whole run of real buckets: what it changes, and what the user is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from progressive_front.cli import main

SMALL = {
    "SEQUENCE": ["Scalping", "Short"],
    "EPISODES": 2,
    "SYNTHETIC_BARS": 3000,
    "EPISODE_BARS": 64,
    "UPDATES_PER_EPISODE": 2,
    "DEVICE": "cpu",
}


def lines(run: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / name).read_text().splitlines()]


def test_a_tiny_threshold_shrinks_episodes_batches_and_transfers_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config.json").write_text(json.dumps(SMALL))
    assert main(["--run-dir", "ample", "-p", "no:report", "-p", "no:console"]) == 0
    assert "memory" not in capfd.readouterr().err
    tight = ["--set", "MEMORY_THRESHOLD=0.0001", "--run-dir", "tight", "-p", "no:report", "-p", "no:console"]
    assert main(tight) == 0

    ample, short = lines(Path("ample"), "metrics.jsonl"), lines(Path("tight"), "metrics.jsonl")
    assert {line["transitions"] for line in ample} == {64 * 64}
    assert {line["transitions"] for line in short} == {64}
    weights = {line["verdict"]: line["reason"] for line in lines(Path("tight"), "ledger.jsonl") if line["nbytes"] == 0}
    assert weights["skipped"].startswith("memory: needs ") and weights["skipped"].endswith("(MEMORY_THRESHOLD)")

    told = capfd.readouterr().err
    assert told.count("memory is short: training with fewer parallel episodes and smaller batches") == 2
    assert "parallel_episodes=64 -> 1, batch_size=512 -> 16" in told and "allowed (0.01 % of " in told
    assert "memory may not be enough even at the smallest sizes" in told
