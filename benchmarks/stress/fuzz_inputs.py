"""Inputs that are nearly right: a valid one, changed at a few places, as hypothesis strategies."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

NAMES = ("../x", "/etc", "a/b", "con", "", ".", "..", "x" * 300, "a\0b", "a\nb", "ä\u202e", "-rf", "\ud800")
NUMBERS = (-1, 0, 1, 2**31, 2**63, 10**400, -(10**20), 0.5, 1e-320, 1e308, math.inf, -math.inf, math.nan)
DEEP: Any = json.loads("[" * 90 + "]" * 90)
ODD: tuple[Any, ...] = (None, True, False, [], {}, [[]], [None], {"": 0}, DEEP, *NAMES, *NUMBERS)
TOKENS = (
    *(b"", b"\0", b"\n", b"\r", b"\r\n", b",", b";", b"\t", b"|", b'"', b"'", b"[", b"{", b"]", b"}", b":", b"-", b"."),
    *(b"\xff\xfe", b"\xef\xbb\xbf", b"\xc3", b"\xe2\x80\xa8", b"\x85", b"\x0b", b"NaN", b"Infinity", b"null", b"1e999"),
    *(b"9" * 400, b"[" * 3000, b'"' * 9, b"2024-13-45", b"31/02/2024", b"PAR1", b"ARROW1", b"\x1f\x8b", b"PK\x03\x04"),
    *(
        b"x" * 5000,
        b"1" * 30_000,
        b"1," * 2000,
        b"\xff" * 8,
        b"\x00" * 8,
        b"\xff\xff\xff\x7f",
        b"../x",
        b"open",
        b"time",
    ),
)


def odd_value() -> st.SearchStrategy[Any]:
    """What a value in a file should not be, mostly."""
    return st.one_of(
        st.sampled_from(ODD), st.integers(), st.floats(), st.text(max_size=12), st.lists(st.integers(), max_size=3)
    )


@st.composite
def changed_bytes(draw: st.DrawFn, bases: Sequence[bytes]) -> bytes:
    """One of `bases` with a few stretches replaced, doubled, cut out or flipped, perhaps cut short."""
    content = bytearray(draw(st.sampled_from(bases)))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        stop = min(len(content), start + draw(st.sampled_from((0, 1, 2, 8, 64))))
        what = draw(st.integers(0, 4))
        if what == 0:
            content[start:stop] = draw(st.sampled_from(TOKENS))
        elif what == 1:
            content[start:stop] = draw(st.binary(max_size=9))
        elif what == 2:
            content[start:stop] = content[start:stop] * 3
        elif what == 3:
            for position in range(start, stop):
                content[position] ^= draw(st.integers(1, 255))
        else:
            del content[start : stop if draw(st.booleans()) else None]
    return bytes(content)


@st.composite
def changed_tree(draw: st.DrawFn, bases: Sequence[Any], value: Callable[[], st.SearchStrategy[Any]] = odd_value) -> Any:
    """One of `bases` (JSON values) with a few of its nodes replaced, left out, doubled or renamed."""
    tree = deepcopy(draw(st.sampled_from(bases)))
    for _ in range(draw(st.integers(1, 3))):
        parent: Any = tree
        while True:
            keys = list(parent) if isinstance(parent, dict) else list(range(len(parent)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            child = parent[key]
            if isinstance(child, dict | list) and child and draw(st.integers(0, 3)):
                parent = child
                continue
            what = draw(st.integers(0, 7))
            if what == 0:
                del parent[key]
            elif what == 1 and isinstance(parent, dict):
                parent[draw(st.sampled_from(NAMES))] = parent.pop(key)
            elif what == 2 and isinstance(parent, list):
                parent.insert(key, child)
            else:
                parent[key] = deepcopy(draw(value()))
            break
    return tree


def as_json(tree: Any) -> bytes:
    """The tree as a file, surrogates and all."""
    return json.dumps(tree, ensure_ascii=False).encode("utf-8", "surrogatepass")


Table = list[list[str]]
CELLS = (
    *("", "nan", "NaN", "null", "-", "0", "-1", "1e308", "1e999", "1,234.5", "1.234,5", "$12", "12%", "5k", "true"),
    *("2024-01-01", "2024-02-30", "01/02/2024", "1704067200", "1704067200000", "99999999999999999999", "12:30", "x"),
    *("9" * 400, "a,b", 'a"b', "a\nb", "\u0661\u0662", "0x10", "1_000", "inf", "\0", "1704067200.5", "Jan 5, 2024"),
)
HEADERS = (
    "time",
    "date",
    "close_time",
    "open",
    "Open",
    "high",
    "low",
    "close",
    "price",
    "volume",
    "symbol",
    "",
    "x",
    "9",
)


@st.composite
def changed_table(draw: st.DrawFn, table: Table) -> Table:
    """The table (its names first) with cells, names, rows or columns changed, doubled, left out or out of order."""
    rows = [list(row) for row in table]
    for _ in range(draw(st.integers(1, 4))):
        what, row = draw(st.integers(0, 8)), draw(st.integers(0, len(rows) - 1))
        column = draw(st.integers(0, len(rows[0]) - 1)) if rows[0] else 0
        if what <= 2 and column < len(rows[row]):
            rows[row][column] = draw(st.sampled_from(CELLS))
        elif what == 3 and column < len(rows[0]):
            rows[0][column] = draw(st.sampled_from(HEADERS))
        elif what == 4 and len(rows[0]) > 1:
            rows = [[cell for position, cell in enumerate(each) if position != column] for each in rows]
        elif what == 5:
            rows = [each + each[column : column + 1] for each in rows]
        elif what == 6 and len(rows) > 1:
            del rows[row]
        elif what == 7:
            rows = rows[:row] + draw(st.permutations(rows[row : row + 4])) + rows[row + 4 :]
        elif what == 8:
            told = draw(st.sampled_from(CELLS))
            rows = [rows[0], *[[*each[:column], told, *each[column + 1 :]] for each in rows[1:]]]
        if not rows:
            break
    return rows or [[""]]


def delimited(table: Table, delimiter: str, ending: str, *, named: bool, quoted: bool) -> bytes:
    """The table as text."""
    quote = '"' if quoted else ""
    lines = [delimiter.join(f"{quote}{cell}{quote}" for cell in row) for row in table[0 if named else 1 :]]
    return (ending.join(lines) + ending).encode("utf-8", "surrogatepass")


def columns_of(table: Table) -> Mapping[str, list[str | None]]:
    """The table by columns under names of their own, rows made equally long."""
    width = max(map(len, table))
    full = [[*row, *[None] * (width - len(row))] for row in table]
    return {
        f"{full[0][column]}{'' if column < 9 else column}": [row[column] for row in full[1:]] for column in range(width)
    }
