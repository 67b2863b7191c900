"""Plain text for the terminal: one-line messages, exit codes."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from progressive_core import PROGRAM
from progressive_core.contract.errors import printable

BUG, USER_ERROR, INTERRUPTED, PIPE_CLOSED = 1, 2, 130, 141  # exit codes


def one_line(text: str) -> str:
    """`text` on one line that can be printed: some of it may come from a stranger's file."""
    return printable(" ".join(text.split()))


def print_error(line: str) -> None:
    """Print one line on stderr."""
    print(f"{PROGRAM}: {one_line(line)}", file=sys.stderr, flush=True)


def print_text(text: str, file: TextIO | None = None) -> None:
    """Print lines for people, on stdout by default; a name in them may hold escape codes."""
    print("\n".join(map(printable, text.split("\n"))), file=file, flush=True)


def restore_terminal() -> None:
    """Leave a terminal's second screen and show its cursor, on a line of its own below all others: a process that was killed
    amid its live view could do neither."""
    if sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
        print("\x1b[?1047l\x1b[?25h\x1b[999;1H", flush=True)
