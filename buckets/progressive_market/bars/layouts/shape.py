"""Columns without names, known by what their numbers do."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd

from progressive_market.bars.bar_records import PRICES, Floats
from progressive_market.bars.layouts.numbers import numbers
from progressive_market.bars.layouts.times import looks_like_time, parse_times, regular
from progressive_training import DataError

ROWS = 3000  # looked at
ALIKE = 0.2  # log units: prices of one bar are this near to each other
HOLDS = 0.95  # of the rows must have their high above and their low below the other prices
WORTH = 0.1  # log units: the median of quote volume over volume is this near to the close


def named_by_shape(frame: pd.DataFrame, decimal: str, where: str) -> pd.DataFrame:
    """Name the columns: the first time, the four prices by their order within bars and from bar to bar, the volume.

    :raise DataError: no assignment fits the numbers.
    """
    head = frame.head(ROWS)
    looks = [label for label in frame.columns if looks_like_time(head[label])]
    times = [
        label for label in looks if head[label].dtype.kind not in "iuf" or regular(parse_times(head[label], where))
    ]
    if not times:
        raise DataError(f"{where}: no names, and no column holds times; the first row is {_row(frame)}")
    order = np.argsort(parse_times(head[times[0]], where), kind="stable")
    values = {label: numbers(head[label], decimal)[order] for label in frame.columns if label not in times}
    prices = _prices(values, where, frame)
    names = {times[0]: "time"} | {label: name for name, label in prices.items()}
    close = values[prices["close"]]
    after = list(frame.columns).index(times[0])  # where a volume stands
    places = [*frame.columns[after:], *frame.columns[:after]]
    rest = {label: values[label] for label in places if label in values and label not in names}
    names |= {label: f"close_time_{label}" for label in times[1:]} | _rest(rest, close)
    return frame.rename(columns=names)


def _prices(values: dict[str, Floats], where: str, frame: pd.DataFrame) -> dict[str, str]:
    found = []
    for group in _alike(values):
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
        found.append({name: group[i] for name, i in zip(PRICES, (opened, high, low, closed), strict=True)})
    if len(found) > 1:
        raise DataError(
            f"{where}: no names, and {len(found)} times four columns that behave as open, high, low and close: markets side by "
            "side; add a header line that names them (BTC open, BTC high, ...), or give the columns of one"
        )
    if found:
        return found[0]
    raise DataError(
        f"{where}: no names, and no four columns whose numbers behave as open, high, low and close; "
        f"the first row is {_row(frame)}; add a header line that names them"
    )


def _alike(values: dict[str, Floats]) -> list[list[str]]:
    """Groups of four or five neighbours (a fifth is the average price) of nearly the same positive numbers."""
    groups: list[list[str]] = []
    for label, column in values.items():
        for group in groups:
            if _distance(column, values[group[0]]) < ALIKE:
                group.append(label)
                break
        else:
            if (column > 0).mean() > 0.5:
                groups.append([label])
    return [group for group in groups if len(group) in (4, 5)]


def _jump(opened: Floats, closed: Floats) -> float:
    return round(float(np.median(np.abs(opened[1:] - closed[:-1]))), 12) if len(opened) > 1 else 0.0


def _rest(rest: dict[str, Floats], close: Floats) -> dict[str, str]:
    """What follows the prices: a volume and what it cost, the same of takers, a count of trades, an average price."""
    names = {label: f"column_{label}" for label in rest}
    names |= {label: "vwap" for label, column in rest.items() if _distance(column, close) < ALIKE / 10}
    free = {
        label: column
        for label, column in rest.items()
        if names[label] != "vwap"
        and np.isfinite(column).mean() > 0.5
        and np.nanmin(column) >= 0
        and np.nanmax(column) > 0
    }
    # The larger of two volumes is everyone's, the other the takers'.
    pairs = [("volume", "quote_volume"), ("taker_buy_volume", "taker_buy_quote_volume")]
    for volume in sorted(free, key=lambda label: -round(float(np.nansum(free[label])), 6)):
        others = [label for label in free if label != volume and names[label] == f"column_{label}"]
        cost = next((label for label in others if _distance(free[label], free[volume] * close) < WORTH), None)
        if cost is not None and pairs and names[volume] == f"column_{volume}":
            names |= dict(zip((volume, cost), pairs.pop(0), strict=True))
    unnamed = [label for label in free if names[label] == f"column_{label}"]
    counts = [label for label in unnamed if np.nanmax(np.abs(free[label] % 1)) == 0]
    if "volume" not in names.values() and unnamed:
        names[next((label for label in unnamed if label not in counts), unnamed[0])] = "volume"
    counts = [label for label in counts if names[label] != "volume" and np.nanmax(free[label]) > 1]
    return names | ({counts[0]: "trades"} if counts else {})


def _distance(one: Floats, other: Floats) -> float:
    """The median distance of two columns in log units, infinite where they have nothing positive in common."""
    both = (one > 0) & (other > 0)
    return float(np.median(np.abs(np.log(one[both] / other[both])))) if both.mean() > 0.5 else np.inf


def _row(frame: pd.DataFrame) -> str:
    return repr(", ".join(str(value) for value in frame.iloc[0].tolist()))[:80]
