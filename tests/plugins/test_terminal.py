"""The live view on a real pseudo-terminal, looked at through an emulated screen: at its start, its end and between."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pyte
import pytest

SECOND_SCREEN, ONLY_THE_SCREEN = 1049, 1047
LIMIT = 120.0
"""Seconds until a test gives up."""
QUICK = {"SYNTHETIC_BARS": 6_000, "UPDATES_PER_EPISODE": 40, "DEVICE": "cpu", "SEQUENCE": "Scalping,Short"}
LONG = ("--episodes", "900", "-p", "no:early_stopping")
"""Of a training that goes on until it is ended."""


class TwoScreens(pyte.Screen):
    """pyte's screen, and the second one that a terminal has."""

    first: dict[int, dict[int, Any]] | None = None

    def set_mode(self, *modes: int, **private: Any) -> None:
        if private.get("private") and SECOND_SCREEN in modes:
            self.save_cursor()
            self.first = {row: dict(self.buffer[row]) for row in self.buffer}
            self.erase_in_display(2)
        super().set_mode(*modes, **private)

    def reset_mode(self, *modes: int, **private: Any) -> None:
        left = {SECOND_SCREEN, ONLY_THE_SCREEN} & set(modes) if private.get("private") else set()
        if left and self.first is not None:
            self.erase_in_display(2)
            for row, cells in self.first.items():
                self.buffer[row].update(cells)
            self.first = None
            if SECOND_SCREEN in left:
                self.restore_cursor()
        super().reset_mode(*modes, **private)


class Terminal:
    """A training in a terminal of so many columns and rows."""

    def __init__(self, directory: Path, columns: int, rows: int, *arguments: str, **settings: Any) -> None:
        self.screen = TwoScreens(columns, rows)
        self._ended = False
        self._stream = pyte.ByteStream(self.screen)
        chosen = [word for key, value in {**QUICK, **settings}.items() for word in ("--set", f"{key}={value}")]
        command = [sys.executable, "-m", "progressive_training", "--run-dir", "run", *chosen, *arguments]
        environment = {
            name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES", "NO_COLOR"}
        }
        self.process, self._descriptor = pty.fork()
        if self.process == 0:
            os.chdir(directory)
            os.execve(command[0], command, {**environment, "TERM": "xterm-256color", "OMP_NUM_THREADS": "1"})
        self.resize(columns, rows)

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.screen.resize(rows, columns)

    def press(self, key: bytes) -> None:
        os.write(self._descriptor, key)

    def until(self, seen: Callable[[str], object]) -> str:
        """What stands on the screen as soon as it is as `seen` asks."""
        end = time.monotonic() + LIMIT
        while not seen(self.text()):
            assert time.monotonic() < end, self.text()
            assert self._read(), self.text()
        return self.text()

    def end(self) -> int:
        """The exit status, after all that the program wrote."""
        while self._read():
            pass
        status = os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])
        self._ended = True
        return status

    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip()

    def close(self) -> None:
        if not self._ended:  # a test has failed amid a training
            os.kill(self.process, signal.SIGKILL)
            os.waitpid(self.process, 0)
        os.close(self._descriptor)

    def _read(self) -> bool:
        if not select.select([self._descriptor], [], [], LIMIT)[0]:
            return False
        try:
            written = os.read(self._descriptor, 65_536)
        except OSError:  # Linux's way of saying that the program has ended
            return False
        self._stream.feed(written)
        return bool(written)


@pytest.fixture
def train(tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    begun: list[Terminal] = []

    def begin(*arguments: str, columns: int = 80, rows: int = 24, **settings: Any) -> Terminal:
        begun.append(Terminal(tmp_path, columns, rows, *arguments, **settings))
        return begun[-1]

    yield begin
    for terminal in begun:
        terminal.close()


def is_whole(text: str, columns: int) -> bool:
    """Whether the screen shows one view, with all its edges at one width, and nothing of another one."""
    lines = text.splitlines()
    if [sum(line.startswith(edge) for line in lines) for edge in "╭╰"] != [1, 1]:
        return False
    top, bottom = (next(i for i, line in enumerate(lines) if line.startswith(edge)) for edge in "╭╰")
    framed = lines[top : bottom + 1]
    return all(len(line) == columns and line[-1] in "╮│╯" for line in framed) and not any(
        edge in line for line in lines[:top] + lines[bottom + 1 :] for edge in "│╭╰"
    )


def seen_episode(text: str) -> bool:
    return "score" in text and "now" in text


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (140, 45)])
def test_a_run_leaves_its_results_and_nothing_of_the_view(
    train: Callable[..., Terminal], columns: int, rows: int
) -> None:
    terminal = train("--episodes", "3", columns=columns, rows=rows)
    terminal.until(lambda text: "preparing" in text and is_whole(text, columns))
    terminal.until(lambda text: "● Short" in text and is_whole(text, columns))
    assert terminal.end() == 0
    ended = terminal.text()
    assert not re.search("[╭╰│]", ended)
    assert "in use" in ended
    assert not terminal.screen.cursor.hidden
    assert terminal.screen.cursor.x == 0  # where the prompt will stand


@pytest.mark.parametrize("isolated", [(), ("--isolate",)])
def test_ctrl_c_leaves_one_view_and_how_to_go_on(train: Callable[..., Terminal], isolated: tuple[str, ...]) -> None:
    terminal = train(*LONG, *isolated)
    terminal.until(lambda text: "╰" in text and seen_episode(text))
    terminal.press(b"\x03")
    terminal.until(lambda text: "stopping after this episode" in text or "interrupted; go on with" in text)
    assert terminal.end() == 130
    view, _, rest = terminal.text().partition("progressive-training: interrupted; go on with: progressive-training")
    assert rest.startswith(" --resume")
    assert is_whole(view[view.index("  ● Scalping   ›  ○ Short") :], 80)
    assert not terminal.screen.cursor.hidden
    assert terminal.screen.cursor.x == 0


def test_ctrl_c_before_the_first_episode_and_twice(train: Callable[..., Terminal]) -> None:
    terminal = train("--episodes", "400", UPDATES_PER_EPISODE=4_000)
    terminal.until(lambda text: "preparing" in text and "features:" in text)
    terminal.press(b"\x03")
    terminal.until(lambda text: "stopping after this episode" in text)
    terminal.press(b"\x03")
    assert terminal.end() == 130
    assert not re.search("[╭╰│]", terminal.text())
    assert "progressive-training: stopped at once; go on from the last checkpoint with:" in terminal.text()
    assert not terminal.screen.cursor.hidden


def test_a_resized_terminal_shows_one_whole_view(train: Callable[..., Terminal]) -> None:
    terminal = train(*LONG)
    terminal.until(lambda text: "╰" in text and seen_episode(text))
    for columns, rows in ((50, 20), (140, 45), (80, 12), (80, 7), (80, 24)):
        terminal.resize(columns, rows)
        terminal.until(lambda text, columns=columns: is_whole(text, columns))
        assert len(terminal.text().splitlines()) <= rows
        assert "● Scalping" in terminal.text()  # and not the first frame of a later bucket, which is shorter
        assert seen_episode(terminal.text()) or rows < 10
    terminal.press(b"\x03")
    assert terminal.end() == 130


def test_a_process_that_is_killed_amid_its_view_leaves_a_working_terminal(train: Callable[..., Terminal]) -> None:
    terminal = train(*LONG, "--isolate")
    terminal.until(lambda text: "╰" in text and seen_episode(text))
    children = psutil.Process(terminal.process).children()
    (child,) = [each for each in children if "spawn_main" in " ".join(each.cmdline())]
    child.kill()
    assert terminal.end() == 2
    assert "was ended by SIGKILL" in terminal.text()
    assert not re.search("[╭╰│]", terminal.text())
    assert not terminal.screen.cursor.hidden


def test_a_run_of_four_buckets_prints_at_most_60_lines_off_a_terminal(tmp_path: Path) -> None:
    settings = {**QUICK, "SYNTHETIC_BARS": 20_000, "SEQUENCE": "Scalping,Short,Medium,Long", "UPDATES_PER_EPISODE": 2}
    chosen = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    command = [sys.executable, "-m", "progressive_training", "--run-dir", "run", *chosen]
    done = subprocess.run(
        command, cwd=tmp_path, check=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    lines = done.stdout.splitlines()
    assert len(lines) <= 60
    assert lines[-1] == "report: run/report.html"
    code = next(line for line in lines if line.startswith("in Python"))
    assert re.search(r"load_model\('run/models/(Scalping|Short|Medium|Long)'\)", code)
    assert 'forming="drop"' in code
