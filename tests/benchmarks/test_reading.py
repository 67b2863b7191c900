"""The benchmark of reading a CSV: every reader is measured in a process of its own."""

from importlib import import_module
from pathlib import Path

import pytest


def test_each_reader_is_measured(tmp_path: Path) -> None:
    reading = import_module("reading")
    reading.write_bars(tmp_path / "bars.csv", 3_000)
    for reader in reading.READERS:
        assert reading.read_here(reader, str(tmp_path / "bars.csv")).seconds > 0


def test_a_row_for_each_reader_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    reading = import_module("reading")
    reading.main(["--bars", "3000", "--rounds", "1"])
    rows = capsys.readouterr().out.splitlines()
    assert rows[0].startswith("3,000 rows") and [row[:20].strip() for row in rows[1:-1]] == [*reading.READERS]
