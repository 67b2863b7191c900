"""The address of MLflow is kept with each run, so it holds no password. What MLflow gets is tested in tests/slow."""

import json
from pathlib import Path

import pytest

from progressive_front.cli import main
from progressive_integrations.mlflow.mlflow_runs import address_of


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


def test_a_password_of_the_environment_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://me:secret@example.org/mlflow")
    assert address_of({"MLFLOW_TRACKING_URI": None}) == "https://example.org/mlflow"
