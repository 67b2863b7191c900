"""Columns without names, known by what their numbers do."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd

from progressive_buckets.bars.numbers import numbers
from progressive_buckets.bars.records import PRICES, Floats
from progressive_buckets.bars.times import looks_like_time, parse_times
from progressive_training import DataError

ROWS = 3000  # looked at
ALIKE = 0.2  # log units: prices of one bar are this near to each other
HOLDS = 0.95  # of the rows must have their high above and their low below the other prices
KNOWN = {
    12: ("volume", "close_time", "quote_volume", "trades", "taker_buy_volume", "taker_buy_quote_volume", "ignore"),
    7: ("volume", "trades"),  # Kraken's archive
    8: ("vwap", "volume", "trades"),  # Kraken's REST
}
"""Names of what follows time and prices in well-known layouts, by their number of columns."""


def named_by_shape(frame: pd.DataFrame, decimal: str, where: str) -> pd.DataFrame:
    """Name the columns: the first time, the four prices by their order within bars and from bar to bar, the volume.

    :raise DataError: no assignment fits the numbers.
    """
    head = frame.head(ROWS)
    times = [label for label in frame.columns if looks_like_time(head[label])]
    if not times:
        raise DataError(f"{where}: no names, and no column holds times; the first row is {_row(frame)}")
    order = np.argsort(parse_times(head[times[0]], where), kind="stable")
    values = {label: numbers(head[label], decimal)[order] for label in frame.columns if label not in times}
    prices = _prices(values, where, frame)
    names = {times[0]: "time"} | {label: name for name, label in prices.items()}
    rest = [label for label in frame.columns if label not in names]
    names |= _rest(rest, times, values, frame.shape[1], _before_rest(frame, names, rest))
    return frame.rename(columns=names)


def _prices(values: dict[str, Floats], where: str, frame: pd.DataFrame) -> dict[str, str]:
    alike = _alike(values)
    for group in alike:
        data = np.stack([values[label] for label in group])
        rows = np.isfinite(data).all(axis=0)
        data = data[:, rows]
        high = int(np.argmax((data >= data.max(axis=0)).mean(axis=1)))
        low = int(np.argmax([(row <= data.min(axis=0)).mean() if i != high else -1 for i, row in enumerate(data)]))
        if (data[high] >= data.max(axis=0)).mean() < HOLDS or (data[low] <= data.min(axis=0)).mean() < HOLDS:
            continue
        inner = [i for i in range(len(group)) if i not in (high, low)]
        # A bar opens where the one before it closed. Equal on both sides (no trades): the open comes first.
        opened, closed = min(permutations(inner, 2), key=lambda pair: _jump(data[pair[0]], data[pair[1]]))
        return {name: group[i] for name, i in zip(PRICES, (opened, high, low, closed), strict=True)}
    raise DataError(
        f"{where}: no names, and no four columns whose numbers behave as open, high, low and close; "
        f"the first row is {_row(frame)}; add a header line that names them"
    )


def _alike(values: dict[str, Floats]) -> list[list[str]]:
    """Groups of four or five neighbours (a fifth is the average price) of nearly the same positive numbers."""
    groups: list[list[str]] = []
    for label, column in values.items():
        for group in groups:
            with np.errstate(all="ignore"):
                distance = np.nanmedian(np.abs(np.log(column / values[group[0]]))) if (column > 0).any() else np.inf
            if distance < ALIKE:
                group.append(label)
                break
        else:
            if (column > 0).mean() > 0.5:
                groups.append([label])
    return [group for group in groups if len(group) in (4, 5)]


def _jump(opened: Floats, closed: Floats) -> float:
    return round(float(np.median(np.abs(opened[1:] - closed[:-1]))), 12) if len(opened) > 1 else 0.0


def _before_rest(frame: pd.DataFrame, names: dict[str, str], rest: list[str]) -> bool:
    """Whether time and prices are the first five columns."""
    return bool(set(frame.columns[:5]) == set(names)) and rest == list(frame.columns[5:])


def _rest(rest: list[str], times: list[str], values: dict[str, Floats], width: int, first: bool) -> dict[str, str]:
    if first and len(KNOWN.get(width, ())) == len(rest):
        return dict(zip(rest, KNOWN[width], strict=True))
    named = {label: f"close_time_{label}" for label in rest if label in times}
    free = [
        label for label in rest if label in values and np.nanmin(values[label], initial=0) >= 0 and values[label].any()
    ]
    for label in rest:
        named.setdefault(label, "volume" if free and label == free[0] else f"column_{label}")
    return named


def _row(frame: pd.DataFrame) -> str:
    return repr(", ".join(str(value) for value in frame.iloc[0].tolist()))[:80]
