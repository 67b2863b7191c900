"""How the command line speaks: plain text, the same to a terminal and to a pipe."""

from __future__ import annotations

import sys
from collections.abc import Sequence

PROGRAM = "progressive-training"
BUG, USER_ERROR, INTERRUPTED, PIPE_CLOSED = 1, 2, 130, 141  # exit codes


def say(line: str) -> None:
    """Tell the user one line on stderr."""
    print(f"{PROGRAM}: {' '.join(line.split())}", file=sys.stderr, flush=True)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell; a column in which every cell is a number stands to the right."""
    columns = list(zip(header, *rows, strict=True))
    numeric = [bool(rows) and all(_is_number(cell) for cell in column[1:]) for column in columns]
    widths = [max(map(len, column)) for column in columns]
    lines = (
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ).rstrip()
        for row in (header, *rows)
    )
    return "\n".join(lines)


def _is_number(cell: str) -> bool:
    try:
        float(cell.removesuffix("%"))
    except ValueError:
        return False
    return True
