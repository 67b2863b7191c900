"""Bad prints: a few bars of which a price leaves the bars around it by a factor of 3 or more, and comes back."""

from __future__ import annotations

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from progressive_market.bars.bar_records import FIRST_TIMES, CleaningReport, Floats, Times, iso
from progressive_market.bars.prices.jumps import JUMP, SHORT, Prices, factor_text, near
from progressive_training import DataError

MOST = 0.25  # share of bars that are bad prints above which the file is no market's
FEW = 5  # which are never too many


@frozen
class Prints:
    """Positions of the bad prints, by which factor each leaves, and the same of the newest bars where nothing came after."""

    bars: list[int]
    factors: list[float]
    last: list[int]
    last_factor: float


def without_bad_prints(
    time: Times, data: dict[str, Floats], at: NDArray[np.int64], interval: int, report: CleaningReport
) -> tuple[Times, dict[str, Floats], CleaningReport]:
    """Leave out bad prints, and name them.

    A print is bad where up to `SHORT` bars in a row leave both the close before them and the open after them, in any of
    their prices. A price that leaves and stays is a move, and nobody knows which of both the newest bars are: these are
    kept and named.

    :param at: where the price jumps.
    :raise DataError: too many bars are bad prints for a market.
    """
    found = _prints(time, data, at, near(interval))
    if found.last:
        count = len(found.last)
        report = evolve(
            report,
            last_print=f"the {'newest bar' if count == 1 else f'{count} newest bars'} from {iso(time[found.last[:1]])[0]} at "
            f"{factor_text(found.last_factor)} the price before",
        )
    if not found.bars:
        return time, data, report
    named = [
        f"{when} {factor_text(factor)}"
        for when, factor in zip(iso(time[found.bars[:FIRST_TIMES]]), found.factors, strict=False)
    ]
    if len(found.bars) > max(FEW, MOST * len(time)):
        raise DataError(
            f"{report.source}: {len(found.bars):,} of {len(time):,} bars leave the bars around them by a factor of 3 or "
            f"more and come back, the first {', '.join(named)}; give the bars of one market, in one unit"
        )
    keep = np.ones(len(time), dtype=bool)
    keep[found.bars] = False
    report = evolve(report, bad_prints=len(found.bars), first_times={**report.first_times, "bad_prints": tuple(named)})
    return time[keep], {name: values[keep] for name, values in data.items()}, report


def _prints(time: Times, data: Prices, at: NDArray[np.int64], reach: int) -> Prints:
    bars: list[int] = []
    factors: list[float] = []
    before = back = -1  # the last bar at the price's own level, and the bar that came back to it
    for start in at.tolist():
        if start < back:
            continue
        if start > back:
            before = start - 1
        elif not _leaves(data, start, *[float(data["close"][before])] * 2):
            continue  # it jumps from the print only
        back = _back(time, data, before, start, reach)
        if back == len(time):
            return Prints(bars, factors, list(range(start, back)), _factor(data, start, float(data["close"][before])))
        if back < 0:
            continue
        first, last = sorted((float(data["close"][before]), float(data["open"][back])))
        run = range(start, back)
        if all(_leaves(data, bar, first, last) for bar in run):
            bars += run
            factors += [_factor(data, bar, (first * last) ** 0.5) for bar in run]
        else:
            back = -1
    return Prints(bars, factors, [], 1.0)


def _leaves(data: Prices, bar: int, low: float, high: float) -> bool:
    return bool(data["high"][bar] >= JUMP * high or data["low"][bar] * JUMP <= low)


def _back(time: Times, data: Prices, before: int, start: int, reach: int) -> int:
    """The first bar within `SHORT` bars of `start` that is back at the close of `before`: the number of bars where none
    could be yet, -1 where the price stays."""
    level = data["close"][before]
    if time[start] - time[before] > reach:
        return -1
    for bar in range(start + 1, start + SHORT + 1):
        if bar == len(time):
            return bar
        if time[bar] - time[before] > reach:
            return -1
        if all(level < JUMP * data[name][bar] and data[name][bar] < JUMP * level for name in ("open", "close")):
            return bar
    return -1


def _factor(data: Prices, bar: int, level: float) -> float:
    """By how much a bar leaves `level`: its body where that does, else its furthest price."""
    body = float(np.sqrt(data["open"][bar] * data["close"][bar])) / level
    if not 1 / JUMP < body < JUMP:
        return body
    up, down = float(data["high"][bar]) / level, float(data["low"][bar]) / level
    return up if up * down >= 1 else down
