"""What the commands print fits 80 columns: tables, and sentences too. A path or a command may be longer, alone on its line."""

from contextlib import chdir
from pathlib import Path

import pytest

from progressive_front.cli import main

RUN = "runs/20260101-120000"


@pytest.mark.parametrize(
    "command",
    [
        ["plugins"],
        ["config"],
        ["runs"],
        ["evaluate", RUN],
        ["evaluate", RUN, "--data", "now.csv"],
        ["signal", RUN, "--data", "now.csv"],
        ["transfer-report", RUN],
        ["challenge", RUN],
    ],
    ids=" ".join,
)
def test_no_line_is_longer(
    workplace: Path, command: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with chdir(workplace):
        assert main(command) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines
    long = [line for line in lines if len(line) > 80 and " " in line and not line.startswith("  progressive-training ")]
    assert long == []
