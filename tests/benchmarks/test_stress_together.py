"""The stress program of runs that go on at once: it tells mixed runs from those that kept apart, with the real buckets."""

import json
import threading
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture
def stress() -> ModuleType:
    return import_module("stress.together")


def test_two_trainers_in_threads_are_as_alone(stress: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    before = {thread.name for thread in threading.enumerate()}
    assert stress.main(["--count", "1", "--kinds", "threads"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].split() == ["all", "1", "of", "1", "pairs", "kept", "apart"]
    left = {thread.name for thread in threading.enumerate()} - before
    assert left <= {"plugin watchdog", "activations_0", "activations_1"}  # it ends by itself; they serve the process


@pytest.mark.parametrize(
    ("file", "line", "found"),
    [
        ("log.jsonl", {"event": "memory released", "bucket": "Long"}, "events"),
        ("metrics.jsonl", {"bucket": "Long", "episode": 1, "score": 0.1}, "metrics"),
        ("ledger.jsonl", {"strategy": "weights", "target": "Long"}, "ledger"),
    ],
)
def test_a_line_of_another_run_is_found(
    stress: ModuleType, tmp_path: Path, file: str, line: dict[str, Any], found: str
) -> None:
    (tmp_path / "models").mkdir()
    for name in ("log.jsonl", "metrics.jsonl", "ledger.jsonl"):
        (tmp_path / name).write_text(json.dumps({"bucket": "Short", "seconds": 1.0}) + "\n")
    alone = stress.outcome(tmp_path, ["Short: starting"])
    with (tmp_path / file).open("a") as log:
        log.write(json.dumps(line) + "\n")
    assert stress.outcome(tmp_path, ["Short: starting"]).differs_from(alone) == [found]
    assert "told" in stress.outcome(tmp_path, ["Long: starting"]).differs_from(alone)
