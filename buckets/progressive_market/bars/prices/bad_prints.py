"""Bad prints: a few bars of which a price leaves the bars around it by a factor of 3 or more, and comes back."""

from __future__ import annotations

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from progressive_market.bars.bar_records import FIRST_TIMES, CleaningReport, Floats, Times, iso
from progressive_market.bars.prices.jumps import JUMP, SHORT, Prices, factor_text, leave
from progressive_market.bars.prices.steps import with_steps
from progressive_training import DataError

MOST, AMONG = (
    20,
    2000,
)  # bars: more bad prints among so many in a row are no market's; a part of bars has no more of them
TRADED = 1.1  # an open within this factor of the close before was traded up to, and is no print


@frozen
class Prints:
    """Positions of the bad prints, by which factor each leaves, and the same of the newest bars where nothing came after."""

    bars: list[int]
    factors: list[float]
    last: list[int]
    last_factor: float


def without_bad_prints(
    time: Times,
    data: dict[str, Floats],
    begin: int,
    at: NDArray[np.int64],
    tick: float,
    interval: int,
    report: CleaningReport,
) -> tuple[Times, dict[str, Floats], CleaningReport]:
    """Leave out bad prints, and name them, and the jumps that stay.

    A print is bad where up to `SHORT` bars in a row leave both the close before them and the open after them, in any of
    their prices. A price that leaves and stays is a move, and nobody knows which of both the newest bars are: these are
    kept and named.

    :param begin: so many bars at the beginning are bad prints.
    :param at: where the price jumps after them.
    :param tick: what prices are rounded to.
    :raise DataError: too many bars are bad prints for a market.
    """
    found = _prints(data, at, tick)
    if found.last:
        count = len(found.last)
        report = evolve(
            report,
            last_print=f"the {'newest bar' if count == 1 else f'{count} newest bars'} from {iso(time[found.last[:1]])[0]} at "
            f"{factor_text(found.last_factor)} the price before",
        )
    bars = [*range(begin), *found.bars]
    if bars:
        factors = [_factor(data, bar, float(data["open"][begin])) for bar in range(begin)] + found.factors
        named = tuple(
            f"{when} {factor_text(factor)}"
            for when, factor in zip(iso(time[bars[:FIRST_TIMES]]), factors, strict=False)
        )
        if any(last - first < AMONG for first, last in zip(found.bars, found.bars[MOST:], strict=False)):
            raise DataError(
                f"{report.source}: {len(bars):,} of {len(time):,} bars, more than {MOST} among {AMONG:,} in a row, leave the "
                f"bars around them by a factor of 3 or more and come back, the first {', '.join(named)}; give the bars of one "
                "market, in one unit"
            )
        keep = np.ones(len(time), dtype=bool)
        keep[bars] = False
        time, data = time[keep], {name: values[keep] for name, values in data.items()}
        report = evolve(report, bad_prints=len(bars), first_times={**report.first_times, "bad_prints": named})
    return time, data, with_steps(time, data, len(time) - len(found.last), tick, interval, report)


def _prints(data: Prices, at: NDArray[np.int64], tick: float) -> Prints:
    bars: list[int] = []
    factors: list[float] = []
    before = back = -1  # the last bar at the price's own level, and the bar that came back to it
    for start in at.tolist():
        if start < back:
            continue
        level = float(data["close"][before if start == back else start - 1])
        if start > back:
            before = start - 1
        elif not leave(data, np.array([start]), level, level, tick)[0]:
            continue  # it jumps from the print only
        back = _back(data, level, start)
        if back == len(data["close"]):
            return Prints(bars, factors, list(range(start, back)), _factor(data, start, level))
        if back < 0:
            continue
        first, last = sorted((level, float(data["open"][back])))
        run = np.arange(start, back)
        if not leave(data, run, first, last, tick).all():
            back = -1
        elif not _traded(data, level, start, back):
            bars += run.tolist()
            factors += [_factor(data, bar, (first * last) ** 0.5) for bar in run.tolist()]
    return Prints(bars, factors, [], 1.0)


def _back(data: Prices, level: float, start: int) -> int:
    """The first bar within `SHORT` bars of `start` that is back at `level`: the number of bars where none could be yet, -1
    where the price stays."""
    for bar in range(start + 1, start + SHORT + 1):
        if bar == len(data["close"]):
            return bar
        if all(level < JUMP * data[name][bar] and data[name][bar] < JUMP * level for name in ("open", "close")):
            return bar
    return -1


def _traded(data: Prices, level: float, start: int, back: int) -> bool:
    """Whether a close leaves, and each bar opens at the close before: so a pump and its dump are traded."""
    closes, opens = data["close"][start:back], data["open"][start + 1 : back + 1]
    there = ((closes >= JUMP * level) | (closes * JUMP <= level)).any()
    opened = np.append(opens / closes, data["open"][start] / level)
    return bool(there and ((opened < TRADED) & (opened * TRADED > 1)).all())


def _factor(data: Prices, bar: int, level: float) -> float:
    """By how much a bar leaves `level`: its body where that does, else its furthest price."""
    body = float(np.sqrt(data["open"][bar] * data["close"][bar])) / level
    if not 1 / JUMP < body < JUMP:
        return body
    up, down = float(data["high"][bar]) / level, float(data["low"][bar]) / level
    return up if up * down >= 1 else down
