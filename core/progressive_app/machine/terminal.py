"""Plain text for the terminal: one-line messages, tables, exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from progressive_core import PROGRAM

MISSING, NEVER = "-", "never"
"""In a table: a number that is not known, and one that is infinite."""
BUG, USER_ERROR, INTERRUPTED, PIPE_CLOSED = 1, 2, 130, 141  # exit codes


def one_line(text: str) -> str:
    """`text` on one line, without control characters: some of it may come from a stranger's file."""
    return "".join(letter if letter.isprintable() else "?" for letter in " ".join(text.split()))


def print_error(line: str) -> None:
    """Print one line on stderr."""
    print(f"{PROGRAM}: {one_line(line)}", file=sys.stderr, flush=True)


def show_cursor() -> None:
    """Show the cursor of a terminal again, which a killed process may have hidden for its live view."""
    if sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
        print("\x1b[?25h", end="", flush=True)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell; columns of numbers are aligned to the right."""
    rows = [[one_line(cell) for cell in row] for row in rows]
    columns = list(zip(header, *rows, strict=True))
    numeric = [_are_numbers(column[1:]) for column in columns]
    widths = [max(map(len, column)) for column in columns]
    lines = (
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ).rstrip()
        for row in (header, *rows)
    )
    return "\n".join(lines)


def _are_numbers(cells: Sequence[str]) -> bool:
    known = [cell for cell in cells if cell not in (MISSING, NEVER)]
    return all(map(_is_number, known)) and (bool(known) or NEVER in cells)


def _is_number(cell: str) -> bool:
    try:
        float(cell.removesuffix("%"))
    except ValueError:
        return False
    return True
