"""The keys of each command's JSON are those that the documents name."""

import json
import re
import shlex
from contextlib import chdir
from pathlib import Path

import pytest

from progressive_front.cli import main

PAGE = (Path(__file__).parents[2] / "docs/reference/json.md").read_text("utf-8")
ROWS = re.findall(r"^\| `([a-z].*?)` \| .+? \| (`.+`) \|$", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("command", "keys"), ROWS, ids=[command for command, _ in ROWS])
def test_the_keys_are_those_of_the_documents(
    command: str, keys: str, workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = shlex.split(command.replace("RUN", "runs/20260101-120000").replace("FILE", "now.csv"))
    with chdir(workplace):
        capsys.readouterr()
        assert main([*words, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert list(shown[0] if isinstance(shown, list) else shown) == re.findall(r"`(\w+)`", keys)


def test_all_commands_with_json_are_there() -> None:
    assert len(ROWS) == 8
