"""Columns of numbers packed for a page: some 2 bytes a number instead of 10 in JSON; `unpack.js` reads them."""

from __future__ import annotations

import zlib
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import numpy as np
from attrs import frozen

LARGEST = 2.0**30
"""Numbers in units stay below this, so that their differences fit in 32 bits."""
MOST_DIGITS = 8
LEVEL = 4
"""Of compression: 9 makes a page a hundredth smaller and takes a third longer."""
SHOWN_DIGITS = 6
"""Significant digits of the smallest price where prices have no common number of decimals."""


@frozen
class Column:
    """Numbers [rows] and how many `units` make 1: kept are whole units, exactly."""

    numbers: np.ndarray[Any, np.dtype[Any]]
    units: float = 1.0


def packed(columns: Mapping[str, Column]) -> dict[str, Any]:
    """Pack columns of one length as JSON values.

    Each column is written as zigzag-coded differences of whole units (small numbers without sign), their lowest bytes first,
    then the next: bytes of one size stand together, which halves what deflate makes of them.
    """
    planes, heads = [], []
    for name, column in columns.items():
        whole = np.rint(np.nan_to_num(column.numbers.astype(np.float64)) * column.units).astype(np.int64)
        steps = np.diff(whole, prepend=whole[:1])
        zigzag = ((steps << 1) ^ (steps >> 63)).astype("<u4")
        planes.append(zigzag.view(np.uint8).reshape(-1, 4).T.tobytes())
        heads.append({"name": name, "units": column.units, "first": int(whole[0]) if len(whole) else 0})
    rows = len(next(iter(columns.values())).numbers)
    return {"rows": rows, "columns": heads, "bytes": b64encode(zlib.compress(b"".join(planes), LEVEL)).decode("ascii")}


def price_units(*prices: np.ndarray[Any, np.dtype[Any]]) -> float:
    """Units that keep prices exactly where all have at most 8 decimals and fit, else 6 digits of the smallest."""
    every = np.concatenate([column.astype(np.float64).ravel() for column in prices])
    every = np.abs(every[np.isfinite(every) & (every != 0)])
    if not len(every):
        return 1.0
    room = int(np.floor(np.log10(LARGEST / every.max())))
    for digits in range(min(room, MOST_DIGITS) + 1):  # none where the largest price does not even fit whole
        scaled = every * 10.0**digits
        if np.all(np.abs(scaled - np.rint(scaled)) <= 1e-9 * np.maximum(scaled, 1)):
            return 10.0**digits
    wanted = SHOWN_DIGITS - 1 - int(np.floor(np.log10(every.min())))
    return 10.0 ** min(wanted, room)
