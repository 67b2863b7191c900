"""The example runs as its first lines say, from any directory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def run(script: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", str(EXAMPLES / script), *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=300)


def test_it_trains_the_sequence_and_says_how_to_use_a_model(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"SYNTHETIC_BARS": 12_000}))
    arguments = ("--episodes", "2", "--sequence", "Scalping, Short", "--run-dir", "made")
    done = run("sequence.py", *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "[1/2] Scalping begins" in done.stdout
    assert "[2/2] Short nothing taken from Scalping: " in done.stdout or "[2/2] Short took " in done.stdout
    assert "net profit on test" in done.stdout
    assert "\x1b" not in done.stdout
    model = tmp_path / "made" / "models" / "Short" / "model.safetensors"
    assert model.is_file()
    assert 'load_model("made/models/Short/model.safetensors")' in done.stdout
    assert (tmp_path / "made" / "report.html").is_file()

    drawn = run("console_picture.py", "made", "docs/console.svg", "--bucket", "Short", cwd=tmp_path)
    assert drawn.returncode == 0, drawn.stderr
    assert "verdict" in (tmp_path / "docs" / "console.svg").read_text()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--data", "absent.csv"), "absent.csv"),
        (("--sequence", "Scalpin"), "Scalpin"),
        (("--episodes", "0"), "EPISODES"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(tmp_path: Path, arguments: tuple[str, ...], line: str) -> None:
    done = run("sequence.py", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert line in done.stderr
    assert list(tmp_path.iterdir()) == []
