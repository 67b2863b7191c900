"""Where the rows of a text file begin, what parts their fields, and what names their columns."""

from __future__ import annotations

import csv
import re
from collections import Counter

from attrs import frozen

from progressive_market.bars.bar_records import PRICES
from progressive_market.bars.layouts.column_names import role
from progressive_training import DataError

DELIMITERS = ("\t", ";", "|", ",", r" ")
NUMBER = re.compile(r"[-+$€£]?[.,' ]*\d[\d.,' ]*(?:[eE][-+]?\d+)?")
ROWS = 200  # looked at
MOST_BEFORE = 50  # lines before a header


@frozen(kw_only=True)
class Rows:
    """The rows of a file begin at line `first` (from 0) and have `width` fields parted by `delimiter`; `names` are those
    of the columns, None where nothing names them, and `banner` is what else stands before the rows."""

    delimiter: str
    first: int
    width: int
    names: tuple[str, ...] | None
    banner: tuple[str, ...] = ()


def find_rows(lines: list[str], where: str) -> Rows:
    """Find the rows: below a line that names the prices, or where lines begin to be full of numbers.

    :raise DataError: there are none, or they do not have the fields that their header names.
    """
    found = _header_of_bars(lines)
    delimiter, first = found or _full_of_numbers(lines, where)
    double = _double_header(lines, delimiter, first - 1) if found else None
    if double is not None:
        first = double[1]
    while first < len(lines) and not lines[first].strip():
        first += 1
    rows = [fields(line, delimiter) for line in lines[first : first + ROWS] if line.strip()]
    if not rows:
        raise DataError(f"{where}: a header without rows: {lines[first - 1][:60]!r}")
    width = Counter(len(row) for row in rows).most_common(1)[0][0]
    named = [index for index, line in enumerate(lines[:first]) if line.strip()]
    names = _names(lines[named[-1]], delimiter, rows, width) if named and double is None else None
    if double is not None and len(double[0]) == width:
        return Rows(delimiter=delimiter, first=first, width=width, names=double[0])
    if found and names is None:
        count = len(fields(lines[named[-1]], delimiter))
        raise DataError(
            f"{where}: the header names {count} columns, but the rows have {width} fields; name each column"
        )
    banner = tuple(lines[index].strip() for index in (named[:-1] if names else named))
    return Rows(delimiter=delimiter, first=first, width=width, names=names, banner=banner)


def fields(line: str, delimiter: str) -> list[str]:
    """One line's fields, quotes respected."""
    row = next(csv.reader([line.strip() if delimiter == " " else line], delimiter=delimiter, skipinitialspace=True), [])
    return [field.strip() for field in row]


def _header_of_bars(lines: list[str]) -> tuple[str, int] | None:
    """Delimiter and index of the line after the one that names open, high, low and close, whatever the rows hold."""
    for index, line in enumerate(lines[:MOST_BEFORE]):
        for delimiter in DELIMITERS:
            names = fields(line.lstrip("#").lstrip(), delimiter)
            roles = {role(name) for name in names}
            if len(names) >= 5 and roles >= {*PRICES[:3]} and roles & {"close", "price"}:
                return delimiter, index + 1
    return None


def _double_header(lines: list[str], delimiter: str, at: int) -> tuple[tuple[str, ...], int] | None:
    """The names where a line above or below the header at `at` has the market of each column, as pandas writes them, and
    the index of the line after; None where there is none."""
    header = fields(lines[at], delimiter)
    for other in (at + 1, at - 1):
        markets = fields(lines[other], delimiter) if 0 <= other < len(lines) else []
        if len(markets) == len(header) and all(markets[1:]) and min(Counter(markets[1:]).values()) >= len(PRICES):
            break
    else:
        return None
    first = max(at, other) + 1
    index = fields(lines[first], delimiter) if first < len(lines) else []
    named = bool(index and index[0] and not any(index[1:]))
    names = [f"{name} {market}" for name, market in zip(header[1:], markets[1:], strict=True)]
    return (index[0] if named else "column_0", *names), first + named


def _full_of_numbers(lines: list[str], where: str) -> tuple[str, int]:
    """The delimiter, and the index of the first row: those with five or more fields of which four are numbers, and lines
    just before them that differ only in what they leave out."""
    widest = 0
    for delimiter in DELIMITERS:
        counts = [sum(bool(re.search(r"\d", field)) for field in fields(line, delimiter)) for line in lines[:ROWS]]
        full = [index for index, count in enumerate(counts) if count >= 5]
        widest = max([widest, *(len(fields(line, delimiter)) for line in lines[:ROWS])])
        if full and len(full) > 0.5 * (len(counts) - full[0]):
            first = _first_of_values(lines, delimiter, full)
            row = fields(lines[first], delimiter)
            while first and _is_like(fields(lines[first - 1], delimiter), row):
                first -= 1
            return delimiter, first
    if widest <= 1:
        raise DataError(f"{where}: one column only; bars need a time, open, high, low, close and volume in each line")
    raise DataError(
        f"{where}: no rows of bars found: expected lines of at least 5 values (time, open, high, low, close, volume) "
        f"parted by comma, semicolon, tab, bar or blank; the first line is {lines[0][:60]!r}"
    )


def _first_of_values(lines: list[str], delimiter: str, full: list[int]) -> int:
    """The first line of values: a header may hold digits too (`Volume_(BTC)1`), but hardly a number."""
    for index in full:
        values = [field for field in fields(lines[index], delimiter) if NUMBER.fullmatch(field)]
        if len(values) >= 4:
            return index
    return full[0]


def _is_like(before: list[str], row: list[str]) -> bool:
    """Whether a line holds the same kinds of values as `row`, or nothing in their place."""
    if len(before) != len(row) or not any(before):
        return False
    return all(
        not field or (bool(NUMBER.fullmatch(field)) if NUMBER.fullmatch(value) else bool(re.search(r"\d", field)))
        for field, value in zip(before, row, strict=True)
        if re.search(r"\d", value)
    )


def _names(line: str, delimiter: str, rows: list[list[str]], width: int) -> tuple[str, ...] | None:
    """The names in a line before the rows, or None where that is a banner."""
    names = fields(line.lstrip("#").lstrip(), delimiter)
    while len(names) > width and not names[-1]:
        names.pop()
    if not width - 1 <= len([name for name in names if name]) <= width or len(names) > width:
        return None
    if len(names) < width:
        # The rows' last field is empty, or their first one, a count or the time, has no name.
        last = all(not row[-1] for row in rows if len(row) == width)
        names = [*names, ""] if last else ["", *names]
    return tuple(name or f"column_{index}" for index, name in enumerate(names))
