"""The stranger's buckets and installations of the tests beside this folder."""

import json
from pathlib import Path

import pytest

from progressive_front.cli import main

LINES = (Path(__file__).parents[1] / "line_bucket.py").read_text()
SETTINGS = {
    "SEQUENCE": ["First", "Second"],
    "EPISODES": 3,
    "DEVICE": "cpu",
    "TRANSFER_COOLDOWN": 2,
    "PLUGINS": ["no:report"],
}
TEACH = """
from attrs import evolve
from progressive_training import hookimpl

@hookimpl
def transfer(source, target, context):
    return evolve(target, weights={**target.weights, **source.weights})
"""


@pytest.fixture
def here(tmp_path, monkeypatch, install):
    """A working directory with a configuration for two quick buckets that learn from each other."""
    directory = tmp_path / "here"
    directory.mkdir()
    monkeypatch.chdir(directory)
    Path("config.json").write_text(json.dumps(SETTINGS))
    buckets = {"First": "line_bucket:first", "Second": "line_bucket:second"}
    install("lines", buckets=buckets, transfers={"teach": "lines_teach"}, line_bucket=LINES, lines_teach=TEACH)
    return directory


@pytest.fixture
def study(here, capfd):
    """Run a study command line: its exit status, what it printed, and its errors."""

    def run(*arguments):
        capfd.readouterr()
        status = main(["study", *arguments])
        printed = capfd.readouterr()
        return status, printed.out, printed.err

    return run


@pytest.fixture
def kept_bytes():
    """Read what of a study must not depend on workers."""
    return _kept_bytes


def _kept_bytes(directory):
    """All of a study that its workers may not change: plan and summary, and of each run models, metrics and ledger without times."""
    found = {}
    for file in sorted(directory.rglob("*")):
        name = str(file.relative_to(directory))
        if file.suffix == ".safetensors" or file.name == "plan.json":
            found[name] = file.read_bytes()
        elif file.name in {"metrics.jsonl", "ledger.jsonl"}:
            found[name] = [without_times(json.loads(line)) for line in file.read_text().splitlines()]
        elif file.name == "summary.json":
            found[name] = json.loads(file.read_text()) | {"study": ""}
    return found


def without_times(value):
    if isinstance(value, dict):
        return {
            key: without_times(each) for key, each in value.items() if "seconds" not in key and key != "memory_used"
        }
    return [without_times(each) for each in value] if isinstance(value, list) else value
