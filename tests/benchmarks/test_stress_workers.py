"""The stress program of workers: what it holds against one another. What it trains are for the tests of stages and walk-forward."""

import sys
from importlib import import_module
from pathlib import Path

import pytest

STRESS = Path(__file__).resolve().parents[2] / "benchmarks" / "stress"


def test_a_difference_is_found_wherever_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(STRESS)
    workers, studies = import_module("workers"), import_module("studies")
    place = workers.Place(workers.WORKS[1], tmp_path, "here", 1)
    for member in (tmp_path / "it", tmp_path / "it" / "stages" / "Short"):
        (member / "models" / "Short").mkdir(parents=True)
        (member / "models" / "Short" / "model.safetensors").write_bytes(b"0")
        (member / "metrics.jsonl").write_text('{"loss": 1, "seconds": 2}\n')
        (member / "state.json").write_text('{"results": [{"score": 2, "seconds": 3}], "lengths": {}}')
    whole = place.contents()
    assert len(whole) == 6
    (member / "metrics.jsonl").write_text('{"loss": 1, "seconds": 5}\n')
    assert place.contents() == whole
    (member / "models" / "Short" / "model.safetensors").write_bytes(b"1")
    (tmp_path / "it" / "state.json").write_text('{"results": [{"score": 3, "seconds": 3}]}')
    assert studies.differences(place.contents(), whole) == [
        "stages/Short/models/Short/model.safetensors differs",
        "state.json differs",
    ]
    for module in ("workers", "studies"):
        assert sys.modules.pop(module)
