"""Tables of plain text that fit the terminal: long cells are wrapped between words."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from itertools import zip_longest
from textwrap import wrap

from progressive_app.machine.terminal import one_line

MISSING, NEVER = "-", "never"
"""In a table: a number that is not known, and one that is infinite."""
WIDTH = 80
"""Columns of a terminal that does not say how many it has, and of a file."""
GAP = "  "


def terminal_width() -> int:
    """Columns of the terminal, COLUMNS before all; 80 where there is none."""
    return shutil.get_terminal_size((WIDTH, 24)).columns


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns that fit the terminal, the widest wrapped first, numbers to the right. No word is broken: a path may stand out."""
    rows = [header, *([one_line(cell) for cell in row] for row in rows)]
    columns = list(zip(*rows, strict=True))
    numeric = [_are_numbers(column[1:]) for column in columns]
    least = [
        max(_longest_word(head), *(map(len if right else _longest_word, cells or [""])))
        for (head, *cells), right in zip(columns, numeric, strict=True)
    ]
    room = terminal_width() - len(GAP) * (len(columns) - 1)
    widths = _fitting([max(map(len, column)) for column in columns], least, room)
    return "\n".join(line for row in rows for line in _lines(row, widths, numeric))


def sentence(text: str, indent: str = "") -> str:
    """`text` on lines that fit the terminal, all but the first of them indented."""
    return "\n".join(
        wrap(text, terminal_width(), subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    )


def _fitting(widths: list[int], least: Sequence[int], room: int) -> list[int]:
    """`widths` made smaller, the widest first, until they fit the `room` or all are as small as the `least`."""
    while sum(widths) > room:
        shrinking = [place for place, smallest in enumerate(least) if widths[place] > smallest]
        if not shrinking:
            break
        widths[max(shrinking, key=lambda place: widths[place])] -= 1
    return widths


def _lines(row: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> list[str]:
    cells = [
        wrap(cell, max(1, width), break_long_words=False, break_on_hyphens=False)
        for cell, width in zip(row, widths, strict=True)
    ]
    return [
        GAP.join(
            part.rjust(width) if right else part.ljust(width)
            for part, width, right in zip(parts, widths, numeric, strict=True)
        ).rstrip()
        for parts in zip_longest(*cells, fillvalue="")
    ]


def _longest_word(cell: str) -> int:
    return max(map(len, cell.split()), default=0)


def _are_numbers(cells: Sequence[str]) -> bool:
    known = [cell for cell in cells if cell not in (MISSING, NEVER)]
    return all(map(_is_number, known)) and (bool(known) or NEVER in cells)


def _is_number(cell: str) -> bool:
    try:
        float(cell.removesuffix("%").rstrip().replace(",", ""))
    except ValueError:
        return False
    return True
