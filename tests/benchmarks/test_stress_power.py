"""The stress program of power cuts: it finds nothing lost, and finds out a program that does not wait for the disk."""

import hashlib
import random
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

STRESS = Path(__file__).resolve().parents[2] / "benchmarks" / "stress"
WRITE = [["names", [[0, ".state.partial", 2]]], ["bytes", 2, "new"]]
RENAME = [["names", [[0, ".state.partial", None], [0, "state", 2]]]]
BEFORE: list[Any] = [["names", [[0, "state", 1]]], ["bytes", 1, "old"], ["settled"]]


def test_a_run_that_loses_its_power_goes_on_to_the_same_end() -> None:
    """In a process of its own: the program forks, which one with threads must not do."""
    words = [sys.executable, str(STRESS / "power.py"), "--quick"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "0 states lost something"


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([*WRITE, ["wait", 2], *RENAME, ["wait", 0]], {"old", "new"}),
        ([*WRITE, *RENAME, ["wait", 0]], {"old", "new", "", "half", "zeros"}),  # named before its bytes were waited for
    ],
    ids=["waited for", "not waited for"],
)
def test_what_was_not_waited_for_may_be_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, events: list[Any], expected: set[str]
) -> None:
    monkeypatch.syspath_prepend(STRESS)
    disk_module = import_module("power_disk")
    contents = {"old": b"one", "new": b"another", "": b"", "half": b"ano", "zeros": bytes(7)}
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    for name, digest in digests.items():
        (tmp_path / digest).write_bytes(contents[name])
    record = [
        [digests.get(each, each) if isinstance(each, str) else each for each in event] for event in [*BEFORE, *events]
    ]
    disk = disk_module.Disk(tmp_path)
    found = {tree.get("state") for _ in disk.moments(record) for tree in disk.trees(random.Random(0))}
    assert found >= {digests[name] for name in expected}
    assert (digests["zeros"] in found) == ("zeros" in expected)
    assert disk.whole() == {"state": digests["new"]}
    for module in ("power_disk", "power_record"):
        assert sys.modules.pop(module)
