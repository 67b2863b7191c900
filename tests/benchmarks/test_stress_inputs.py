"""The stress program of inputs: a quick run of it ends, and a run that takes other bytes is found out."""

from importlib import import_module
from pathlib import Path

import pytest

from progressive_training import RunInput

STRESS = Path(__file__).resolve().parents[2] / "benchmarks" / "stress"


def test_a_run_on_other_bytes_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(STRESS)
    inputs = import_module("inputs")
    assert inputs.main(["--quick"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("2 runs whose file changed, 0 of them on other bytes")
    stress = inputs.Stress(tmp_path, inputs.ways()["bars read each time"])
    monkeypatch.setattr(RunInput, "read", lambda self: self.path.read_bytes())
    ended, wrong = stress.disturbed("is edited", 0.4)
    assert ended == "went on" and "models/Short/model.safetensors differs" in wrong
