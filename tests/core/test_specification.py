"""The five commands and the code blocks of the specification, as they are written there, on a tiny configuration."""

import json
import runpy
import shlex
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from progressive_core.engine.run import Interrupted
from progressive_training import ProgressiveTrainer

ROOT = Path(__file__).resolve().parents[2]
TINY = {
    "EPISODES": 2,
    "PATIENCE": 1,
    "SYNTHETIC_BARS": 2_000,
    "HORIZON_RANGE": [1, 48],
    "PARALLEL_EPISODES": 4,
    "EPISODE_BARS": 16,
    "BATCH_SIZE": 32,
    "UPDATES_PER_EPISODE": 1,
    "TRANSFER_COOLDOWN": 100,
    "DEVICE": "cpu",
    "PLUGINS": ["no:report"],
}
COMMANDS = """
# Train all buckets in sequence with default settings
python progressive_training.py

# Train a specific bucket
python progressive_training.py --bucket Scalping

# Train with a custom bucket sequence
python progressive_training.py --sequence "Scalping,Medium,Long"

# Resume training from a checkpoint
python progressive_training.py --resume

# Transfer knowledge from a specific bucket
python progressive_training.py --bucket Long --transfer Medium
"""
PYTHON_API = """
from progressive_training import ProgressiveTrainer

# Initialize trainer with progress callback
def progress_callback(msg):
    print(f"Progress: {msg}")

trainer = ProgressiveTrainer(progress_callback=progress_callback)

# Train a single bucket
model_path = trainer.train_bucket("Scalping", episodes=100)

# Train all buckets progressively
model_paths = trainer.train_progressively()

# Train with custom settings
model_paths = trainer.train_progressively(
    custom_sequence=["Scalping", "Medium"],
    episodes_per_bucket={"Scalping": 50, "Medium": 100}
)
"""
UI_PARAMS = """
ui_values = {
    "horizon_range": (12, 48),
    "frequency": "1h",
    "capital_allocation": 0.3,
}
model_paths = trainer.train_progressively(ui_params=ui_values)
"""


@pytest.fixture(autouse=True)
def _tiny_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config.json").write_text(json.dumps(TINY))


def run(command: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run a command line of the specification, the script in this process."""
    python, script, *arguments = shlex.split(command)
    assert (python, script) == ("python", "progressive_training.py")
    monkeypatch.setattr(sys, "argv", [script, *arguments])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / script), run_name="__main__")
    assert isinstance(ended.value.code, int)
    assert signal.getsignal(signal.SIGINT) is not signal.SIG_IGN  # what goes on in this process can be interrupted
    return ended.value.code


def newest_run() -> Path:
    """The run that was begun last."""
    return max(Path("runs").iterdir(), key=lambda path: path.stat().st_ctime_ns)


def contents(run_dir: Path, name: str) -> Any:
    """A JSON file of a run."""
    return json.loads((run_dir / name).read_text())


def begin_and_interrupt() -> Path:
    """Leave a run behind that has one episode."""
    trainer = ProgressiveTrainer(lambda _: trainer.interrupt())
    with pytest.raises(Interrupted, match="can go on with --resume"):
        trainer.train_progressively(["Scalping"])
    assert trainer.run_dir is not None
    return trainer.run_dir


def test_the_five_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    default, single, custom, resume, transfer = [line for line in COMMANDS.splitlines() if line.startswith("python")]

    assert run(default, monkeypatch) == 0
    assert set(contents(newest_run(), "state.json")["versions"]) == {"Scalping", "Short", "Medium", "Long"}

    assert run(single, monkeypatch) == 0
    assert contents(newest_run(), "manifest.json")["sequence"] == ["Scalping"]

    assert run(custom, monkeypatch) == 0
    assert contents(newest_run(), "manifest.json")["sequence"] == ["Scalping", "Medium", "Long"]

    interrupted = begin_and_interrupt()
    assert contents(interrupted, "state.json")["status"] == "interrupted"
    assert run(resume, monkeypatch) == 0
    assert contents(interrupted, "state.json")["status"] == "finished"

    assert run(transfer, monkeypatch) == 0
    ledger = [json.loads(line) for line in (newest_run() / "ledger.jsonl").read_text().splitlines()]
    assert {(entry["source"].partition("/")[2], entry["target"]) for entry in ledger} == {("Medium", "Long")}


def test_the_python_blocks(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    exec(PYTHON_API, names)
    assert names["model_path"].is_file()
    assert list(names["model_paths"]) == ["Scalping", "Medium"]
    assert "Progress: Scalping: episode 1 of 100, " in capsys.readouterr().out

    exec(UI_PARAMS, names)
    assert list(names["model_paths"]) == ["Scalping", "Short", "Medium", "Long"]
    settings = contents(names["trainer"].run_dir, "config.json")
    assert (settings["HORIZON_RANGE"], settings["FREQUENCY"], settings["CAPITAL_ALLOCATION"]) == ([12, 48], "1h", 0.3)
