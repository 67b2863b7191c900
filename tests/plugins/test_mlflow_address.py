"""The address of MLflow is kept with each run, so it holds no password. What MLflow gets is tested in tests/slow."""

import json
from pathlib import Path

import pytest

from progressive_front.cli import main


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("https://me:secret@example.org", "holds a password"),
        ("postgresql://me:secret@db/mlflow", "holds a password"),
        ("mlruns", "expected an address of MLflow"),
        ("http://[", "expected an address of MLflow"),
    ],
)
def test_an_address_with_a_password_or_none_is_one_line(
    address: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["--set", f"MLFLOW_TRACKING_URI={json.dumps(address)}"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and words in said
    assert list(tmp_path.iterdir()) == []
