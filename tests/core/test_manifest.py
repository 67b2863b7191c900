"""What a run was begun on."""

import json
from pathlib import Path

import pytest

from progressive_app.config.resolve import defaults, overlay
from progressive_app.resume.manifest import manifest_of
from progressive_training import DataError


@pytest.mark.parametrize(("name", "words"), [("", "a directory"), ("absent.csv", "no such file")])
def test_data_that_is_no_file_is_called_what_it_is(name: str, words: str, tmp_path: Path) -> None:
    settings = overlay(defaults(), {"DATA": tmp_path / name, "SEQUENCE": ["Medium"]}, "test")
    with pytest.raises(DataError, match=rf"^{tmp_path / name}: {words}; DATA names a file"):
        manifest_of(settings, "cpu", [], [])


def test_a_run_that_goes_on_on_another_processor_says_so_once(workshop, tmp_path, capfd) -> None:
    workshop.trainer(SEQUENCE=("First",), EPISODES=2).train_progressively()
    file = tmp_path / "run" / "manifest.json"
    manifest = json.loads(file.read_text())
    (here,) = manifest["machines"]
    assert set(here) == {"processor", "torch"}
    file.write_text(json.dumps({**manifest, "machines": [{"processor": "Other", "torch": "2.6.0"}]}))
    for _ in range(2):
        workshop.trainer().resume({"SEQUENCE": ["First"]})
    assert json.loads(file.read_text())["machines"] == [{"processor": "Other", "torch": "2.6.0"}, here]
    told = (
        f"trained on Other with torch 2.6.0 before, and on {here['processor']} with torch {here['torch']} from here on"
    )
    assert capfd.readouterr().err.count(told) == 1
