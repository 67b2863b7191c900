"""A stretch of bars in another unit: thousands, cents, or the prices of another market."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from progressive_market.bars.bar_records import Times, iso
from progressive_market.bars.prices.jumps import JUMP, SHORT, Prices, factor_text, near
from progressive_training import DataError

CLOSE = float(np.log(1.1))  # so near is a factor to a power of ten, and the way back to the way there
TEN = float(np.log(10.0))


def refuse_other_units(time: Times, data: Prices, at: NDArray[np.int64], interval: int, source: str) -> None:
    """Refuse bars of which a stretch is in another unit.

    Such a stretch begins and ends with a step: nothing was traded between the ranges of two bars in a row, and at least
    four bars on either side stay where they are. One step is enough where it is near a power of ten; any two are
    where the second takes back the first. Each looks at the bars beside it only, so a part of bars that pass passes.

    :param at: where the price jumps.
    :raise DataError: with the first and last time of the stretch, and its factor.
    """
    steps = _steps(time, data, at, near(interval))
    moves = np.log(data["open"][steps] / data["close"][steps - 1])
    power = np.round(moves / TEN)
    unit = (power != 0) & (np.abs(moves - power * TEN) <= CLOSE)
    taken_back = np.abs(moves[:-1] + moves[1:]) <= CLOSE
    wrong = unit.copy()
    wrong[:-1] |= taken_back
    if not wrong.any():
        return
    step = int(np.flatnonzero(wrong)[0])
    first, stop, factor = _stretch(len(time), steps, step, bool(taken_back[step : step + 1].any()), float(moves[step]))
    raise DataError(
        f"{source}: the prices from {iso(time[[first]])[0]} to {iso(time[[stop - 1]])[0]} are {factor_text(factor)} those "
        "beside them, with no trade between: another unit, or another market; give all bars in one unit"
    )


def _steps(time: Times, data: Prices, at: NDArray[np.int64], reach: int) -> NDArray[np.int64]:
    alone = np.diff(at, prepend=0) > SHORT
    alone &= np.diff(at, append=len(time)) > SHORT
    at = at[alone]
    apart = data["low"][at] >= JUMP * data["high"][at - 1]
    apart |= data["high"][at] * JUMP <= data["low"][at - 1]
    return at[apart & (time[at] - time[at - 1] <= reach)]


def _stretch(bars: int, steps: NDArray[np.int64], step: int, ends: bool, move: float) -> tuple[int, int, float]:
    """First bar and the one after the last of the stretch, and its factor; of one that does not end, the shorter side."""
    start = int(steps[step])
    if ends:
        return start, int(steps[step + 1]), float(np.exp(move))
    if start * 2 < bars:
        return 0, start, float(np.exp(-move))
    return start, bars, float(np.exp(move))
