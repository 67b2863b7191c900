"""Plain text for the terminal: one-line messages, exit codes."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from typing import TextIO

from progressive_core import PROGRAM
from progressive_core.contract.errors import printable

BUG, USER_ERROR, HUNG_UP, INTERRUPTED, PIPE_CLOSED = 1, 2, 129, 130, 141  # exit codes


def one_line(text: str) -> str:
    """`text` on one line that can be printed: some of it may come from a stranger's file."""
    return printable(" ".join(text.split()))


def print_error(line: str) -> None:
    """Print one line on stderr."""
    print_text(f"{PROGRAM}: {one_line(line)}", sys.stderr)


def print_text(text: str, file: TextIO | None = None) -> None:
    """Print lines for people, on stdout by default; a name in them may hold escape codes.

    Where the terminal is gone they go to nowhere, and so does what follows: what is trained goes on.
    """
    try:
        print("\n".join(map(printable, text.split("\n"))), file=file, flush=True)
    except OSError as error:
        if error.errno != errno.EIO or not leave_lost_terminal():
            raise


def leave_lost_terminal() -> bool:
    """Let what is printed from here on go to nowhere, where it would go to a terminal that hung up; whether there is one."""
    is_lost = False
    for descriptor in (1, 2):
        try:
            os.get_terminal_size(descriptor)
        except OSError as error:
            if error.errno == errno.EIO:
                is_lost = True
                with suppress(OSError):
                    nowhere = os.open(os.devnull, os.O_WRONLY)
                    os.dup2(nowhere, descriptor)
                    os.close(nowhere)
    return is_lost


def restore_terminal() -> None:
    """Leave a terminal's second screen and show its cursor, on a line of its own below all others: a process that was killed
    amid its live view could do neither."""
    if sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
        print("\x1b[?1047l\x1b[?25h\x1b[999;1H", flush=True)
