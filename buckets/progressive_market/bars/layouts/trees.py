"""Tables out of JSON: arrays of arrays, arrays of objects, objects of columns, and what exchanges wrap around them."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from progressive_market.bars.kept.bounds import check_cells, check_size
from progressive_market.bars.layouts.headers import NUMBER
from progressive_training import DataError

WRAPPED = 5  # levels looked into
SYMBOL = "symbol"
MARKETS_AT_LEAST = 0.1  # as long as the longest table beside it: a market, and not the newest bar or a sample


OF_A_PART = ((b"{", 230), (b"[", 90), (b",", 40), (b'"', 25))
"""Bytes that Python takes at most for what begins or ends with each sign: an object, a list, a value, half a text."""
OF_A_LINE = ((b"\n", 40),)
"""And a line, where each is parsed on its own."""


def tree_of_text(content: bytes, where: str) -> Any:
    """Parse JSON, or JSON lines (one value a line).

    :raise DataError: it is none, or what it holds would take more memory than DATA_MB allows.
    """
    size = len(content) + _size_of(content, OF_A_PART)
    check_size(size, "what this JSON holds", where)
    try:
        return _parsed(content, where)
    except UnicodeDecodeError as error:
        raise DataError(f"{where}: not UTF-8 text at byte {error.start}") from error
    except json.JSONDecodeError as error:
        check_size(size + _size_of(content, OF_A_LINE), "what this JSON holds", where)
        lines = [line for line in content.splitlines() if line.strip()]
        if error.msg != "Extra data" or len(lines) < 2:
            raise DataError(f"{where}: line {error.lineno}, column {error.colno}: broken JSON: {error.msg}") from error
    values = []
    for number, line in enumerate(lines, 1):
        try:
            values.append(_parsed(line, where))
        except json.JSONDecodeError as error:
            raise DataError(f"{where}: line {number}, column {error.colno}: broken JSON: {error.msg}") from error
    return values


def _size_of(content: bytes, parts: tuple[tuple[bytes, int], ...]) -> int:
    return sum(size * content.count(sign) for sign, size in parts)


def _parsed(content: bytes, where: str) -> Any:
    try:
        return json.loads(content)
    except RecursionError:
        raise DataError(f"{where}: JSON nested too deeply for a table of bars") from None
    except (UnicodeDecodeError, json.JSONDecodeError):
        raise
    except ValueError as error:
        raise DataError(f"{where}: JSON with a number that is none of a bar: {error}") from error


def table_of_tree(tree: Any, where: str) -> tuple[pd.DataFrame, bool]:
    """The largest table in a tree, and whether its columns have names (else they count from 0).

    :raise DataError: there is none with five columns or more.
    """
    tables = [table for table in _tables(tree, WRAPPED, where) if table[0].shape[1] >= 5]
    if not tables:
        raise DataError(
            f"{where}: no table of bars in this JSON; expected an array of arrays, an array of objects or an object of "
            "columns with a time, open, high, low, close and volume"
        )
    return max(tables, key=lambda table: len(table[0]))


def _tables(tree: Any, depth: int, where: str) -> list[tuple[pd.DataFrame, bool]]:
    if depth == 0 or not tree:
        return []
    if isinstance(tree, list):
        return _table_of_list(tree, depth, where)
    if not isinstance(tree, dict):
        return []
    if isinstance(tree.get("columns"), list) and isinstance(tree.get("data"), list):  # pandas, split
        frame = _of_rows(tree["data"], where)
        if frame.shape[1] == len(tree["columns"]):
            frame.columns = pd.Index([str(name) for name in tree["columns"]])
            index = tree.get("index")
            return [(_indexed(frame, index) if isinstance(index, list) else frame, True)]
    children = list(tree.values())
    columns = {name: child for name, child in tree.items() if isinstance(child, list) and _plain(child)}
    if len(columns) >= 5 and len({len(child) for child in columns.values()}) == 1:
        return [(pd.DataFrame(columns), True)]
    if all(isinstance(child, dict) and _plain(child.values()) for child in children):
        return [_table_of_objects(tree, where)]
    return _one_below_the_other(
        {name: _tables(child, depth - 1, where) for name, child in tree.items() if isinstance(child, (list, dict))}
    )


def _one_below_the_other(found: dict[str, list[tuple[pd.DataFrame, bool]]]) -> list[tuple[pd.DataFrame, bool]]:
    """Tables of the same columns, of some length each, are markets: one table with their names. Others stay apart."""
    tables = {name: inside[0] for name, inside in found.items() if len(inside) == 1 and inside[0][0].shape[1] >= 5}
    most = max((len(frame) for frame, _ in tables.values()), default=0)
    tables = {name: table for name, table in tables.items() if MARKETS_AT_LEAST * most <= len(table[0])}
    if len(tables) < 2 or len({(tuple(frame.columns), named) for frame, named in tables.values()}) > 1:
        return [table for inside in found.values() for table in inside]
    frames = [
        frame if SYMBOL in frame.columns else frame.assign(**{SYMBOL: name}) for name, (frame, _) in tables.items()
    ]
    return [(pd.concat(frames, ignore_index=True), next(iter(tables.values()))[1])]


def _of_rows(rows: list[Any], where: str) -> pd.DataFrame:
    """A table of rows that are lists or objects; of what else there is pandas says what is wrong with it."""
    lists = [row for row in rows if isinstance(row, list)]
    objects = [row for row in rows if isinstance(row, dict)]
    width = max(max(map(len, lists), default=0), len({name for row in objects for name in row}))
    check_cells(len(rows), width, sum(map(len, lists)) + sum(map(len, objects)), where)
    return pd.DataFrame(rows)


def _table_of_list(tree: list[Any], depth: int, where: str) -> list[tuple[pd.DataFrame, bool]]:
    if all(isinstance(row, list) for row in tree):
        if all(_plain(row) for row in tree):
            header = tree[0] if all(isinstance(name, str) and not NUMBER.fullmatch(name) for name in tree[0]) else None
            frame = _of_rows(tree[1:] if header else tree, where)
            if header and len(header) == frame.shape[1]:
                frame.columns = pd.Index(header)
            return [(frame, bool(header))]
    elif all(isinstance(row, dict) and _plain(row.values()) for row in tree):
        return [(_of_rows(tree, where), True)]
    names = [
        next((value for value in child.values() if isinstance(value, str)), "")
        for child in tree
        if isinstance(child, dict)
    ]
    if len(names) == len(tree) == len({*names} - {""}):
        return _one_below_the_other(dict(zip(names, (_tables(child, depth - 1, where) for child in tree), strict=True)))
    return [table for child in tree for table in _tables(child, depth - 1, where)]


def _table_of_objects(tree: dict[str, dict[str, Any]], where: str) -> tuple[pd.DataFrame, bool]:
    """pandas, by columns ({"open": {"0": 1, ...}, ...}) or by rows ({"2024-01-01": {"open": 1, ...}, ...}): few outer
    names with no digits are columns."""
    if len(tree) <= len(next(iter(tree.values()))) or not any(map(str.isdigit, "".join(tree))):
        rows = len({name for column in tree.values() for name in column})
        check_cells(rows, len(tree), sum(map(len, tree.values())), where)
        frame = pd.DataFrame({name: pd.Series(column) for name, column in tree.items()})
        return _indexed(frame.reset_index(drop=True), list(frame.index)), True
    return _indexed(_of_rows(list(tree.values()), where), list(tree)), True


def _indexed(frame: pd.DataFrame, index: list[Any]) -> pd.DataFrame:
    if "index" in frame.columns or len(index) != len(frame):
        return frame
    frame.insert(0, "index", pd.Series(index, dtype=object).to_numpy())
    return frame


def _plain(values: Any) -> bool:
    return not any(isinstance(value, (list, dict)) for value in values)
