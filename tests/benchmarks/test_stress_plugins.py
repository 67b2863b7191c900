"""The stress program of plugins that misbehave: it tells kept promises from broken ones, with the real buckets."""

import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from progressive_front.cli import main


@pytest.fixture
def stress(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> ModuleType:
    """The program, with its command lines in this process: torch is imported once only."""
    program = import_module("stress.plugins")

    def command(*arguments: str, site: Path | None = None) -> "subprocess.CompletedProcess[str]":
        with monkeypatch.context() as patched:
            if site is not None:
                patched.syspath_prepend(site)
            code = main(arguments)
        sys.modules.pop(f"{program.DISTRIBUTION}_{program.NAME}", None)
        printed = capfd.readouterr()
        return subprocess.CompletedProcess(arguments, code, printed.out, printed.err)

    monkeypatch.setattr(program, "command", command)
    return program


def test_a_few_keep_every_promise(stress: ModuleType, capfd: pytest.CaptureFixture[str]) -> None:
    assert stress.main(["--count", "3", "--seed", "4"]) == 0
    assert capfd.readouterr().out.splitlines()[-1].split() == ["all", "3", "of", "3", "kept", "every", "promise"]


def test_a_plugin_that_changes_the_result_is_found_out(stress: ModuleType, tmp_path: Path) -> None:
    assert stress.command("--run-dir", str(tmp_path / "alone"), *stress.SMALL).returncode == 0
    expected = stress.models(tmp_path / "alone")
    check: Callable[..., list[str]] = stress.broken_in_hook
    smaller = stress.Misbehaviour(
        name="", bodies={"on_bucket_start": "return evolve(resources, batch_size=100)"}, fails=False
    )
    assert check(smaller, "on_bucket_start", "stop", tmp_path / "one", expected) == ["other bytes in a model"]
    fine = stress.Misbehaviour(name="", bodies={"": "return None"}, fails=True)
    wrong = check(fine, "cleanup", "disable", tmp_path / "two", expected)
    assert [each.split(":")[0] for each in wrong] == ["not told", "not disabled once"]
