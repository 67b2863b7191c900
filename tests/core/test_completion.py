"""The script that `--print-completion` prints, run by the shells themselves."""

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from progressive_front.cli import main
from progressive_front.command_arguments import COMMANDS, TRAIN, command_in

pytest.importorskip("shtab", reason="needs the extra: completion")

START = {
    "bash": (["bash", "--norc", "-i"], 'source "$SCRIPT"'),
    "zsh": (["zsh", "-f", "-i"], 'autoload -Uz compinit; compinit -u -D; eval "$(cat "$SCRIPT")"'),
}
COMPLETED = [
    ("repo", "report"),
    ("signal --pos", "signal --position"),
    ("signal --position fl", "signal --position flat"),
    ("--bucket Sc", "--bucket Scalping"),
    ("--engine lo", "--engine local"),
    ("--data bt", "--data btc.csv"),
    ("--run-dir el", "--run-dir elsewhere"),
    ("report 2026", "report 20260101-1"),
    ("evaluate elsewhere/20260102", "evaluate elsewhere/20260102-2"),
]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a file of bars, a run, and another where RUNS_DIR does not lead."""
    for run in ("mine/20260101-1", "elsewhere/20260102-2"):
        (tmp_path / run).mkdir(parents=True)
        (tmp_path / run / "state.json").touch()
    (tmp_path / "btc.csv").touch()
    (tmp_path / "config.json").write_text('{\n  "RUNS_DIR": "mine"\n}\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def script(shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["--print-completion", shell]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    return printed.out


class Terminal:
    """A shell on a terminal of its own."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self.ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
        )
        os.close(theirs)

    def type(self, text: str, expected: str) -> str:
        """Type, and read until `expected` is shown: what was shown."""
        os.write(self.ours, text.encode())
        shown, end = "", time.monotonic() + 20
        while expected not in shown and time.monotonic() < end:
            if select.select([self.ours], [], [], 1)[0]:
                shown += os.read(self.ours, 65536).decode(errors="replace")
        return shown

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        with suppress(OSError):
            os.close(self.ours)


@pytest.mark.parametrize("shell", START)
def test_tab_completes_commands_flags_choices_files_and_runs(
    shell: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}")
    file = here.parent / f"{here.name}.{shell}"
    file.write_text(script(shell, capsys))
    command, setup = START[shell]
    with closing(Terminal(command, {"PATH": os.environ["PATH"], "SCRIPT": str(file), "TERM": "dumb"})) as terminal:
        assert "ready 42" in terminal.type(f"{setup}; echo ready $((6 * 7))\n", "ready 42")
        for typed, completed in COMPLETED:
            assert completed in terminal.type(f"progressive-training {typed}\t", completed)
            terminal.type("\x15echo cleared $((6 * 7))\n", "cleared 42")


def test_tcsh_reads_its_script(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if shutil.which("tcsh") is None:
        pytest.skip("needs tcsh")
    (here / "script").write_text(script("tcsh", capsys))
    done = subprocess.run(
        ["tcsh", "-f", "-c", "source script; complete"], capture_output=True, text=True, check=True, timeout=20
    )
    assert done.stdout.startswith("progressive-training\t") and done.stderr == ""


def flags() -> Iterator[tuple[str, set[str]]]:
    """Each command, the empty one for training, with all its flags."""
    for name, module in (("", TRAIN), *COMMANDS.items()):
        yield name, {flag for action in command_in(module).parser()._actions for flag in action.option_strings}


def test_every_flag_of_every_command_is_offered(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "script").write_text(script("bash", capsys))
    lines = ["source ./script"]
    for name, _ in flags():
        words = f"progressive-training {name} -"
        lines += [f"COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))", "_shtab_progressive_training"]
        lines += ['echo "${COMPREPLY[*]}"']
    done = subprocess.run(["bash", "-c", "\n".join(lines)], capture_output=True, text=True, check=True, timeout=20)
    assert [set(line.split()) for line in done.stdout.splitlines()] == [each for _, each in flags()]


def test_without_shtab_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["--print-completion", "bash"]) == 2
    assert capsys.readouterr().err == (
        "progressive-training: error: --print-completion needs shtab: pip install 'progressive-training[completion]'\n"
    )
