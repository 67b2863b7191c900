"""What a run was begun on."""

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
