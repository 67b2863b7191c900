"""Extra columns in the units of the price (an average, a band, a forecast of it), and the same as ratios to the close.

A price level says little by itself: its scale is that of the price, years apart. What it says is how far the price is from it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import evolve

from progressive_market.bars.bar_records import FLOWS, Bars, Floats

LEAST = 100  # bars with a value, below which nothing can be said
POSITIVE = 0.99  # share of the values that are above 0
SAME_SIZE = float(np.log(3.0))  # of the median distance from the close
WANDERS = 1.25  # at most so many deviations of the price is the column away from it
HUGS = 0.1  # so few of the price and of the column itself, and it is a level whatever else
PULLED = 5.0  # t of the pull of the price at least
PULLED_AFAR = 25.0  # and of a column that is one deviation away from the price; it grows with the square of these


def level_columns(bars: Bars) -> tuple[str, ...]:
    """The extra columns in the units of the price, in their order.

    Such a column is positive, of the size of the close, and moves with it. Two columns may wander side by side by chance, so
    either the column stays far closer to the price than each of both wanders, or the price pulls it: its next change is
    explained by its distance from the close, as that of an average, a band, a forecast or an earlier price is. What returns
    to a value of its own (RSI, an index from 0 to 100) or follows neither (open interest) is none, however near its numbers
    are. Scaling price and column together changes nothing. Flows are none.
    """
    price = np.log(bars.close)
    return tuple(
        name for name, values in bars.extra.items() if name not in FLOWS and _is_level(values, price, bars.segment)
    )


def as_ratios(bars: Bars, names: Sequence[str]) -> Bars:
    """The bars with each of these columns as log(column / close), NaN where it is not positive or unknown."""
    if not names and not bars.ratios:
        return bars
    ratios = {name: _ratio(bars.extra[name], bars.close) for name in names}
    return evolve(bars, extra={**bars.extra, **ratios}, ratios=tuple(names))


def _ratio(values: Floats, close: Floats) -> Floats:
    ratio = np.full(len(values), np.nan)
    known = values > 0
    ratio[known] = np.log(values[known] / close[known])
    return ratio


def _is_level(values: Floats, price: Floats, segment: np.ndarray) -> bool:
    known, positive = np.isfinite(values), values > 0
    if positive.sum() < max(LEAST, POSITIVE * known.sum()):
        return False
    usable = known & positive
    column = np.log(np.where(usable, values, 1.0))
    away = column - price
    if np.median(np.abs(away[usable])) >= SAME_SIZE:
        return False
    wanders = away[usable].std()
    of_price, of_column = price[usable].std(), column[usable].std()
    if wanders > WANDERS * of_price or of_column == 0:
        return False
    share = wanders / min(of_price, of_column)
    pairs = usable[1:] & usable[:-1] & (segment[1:] == segment[:-1])
    if share < HUGS:
        return True
    pull = _pull(np.diff(column)[pairs], away[:-1][pairs], price[:-1][pairs])
    return bool(pull > max(PULLED, PULLED_AFAR * share**2))


def _pull(change: Floats, away: Floats, price: Floats) -> float:
    """t of what a column's next change owes to the price, or 0 where it is not the distance from the price that counts.

    change = toward * (price - column) + rest * price + noise, so the price itself counts toward + rest. A column that
    returns to a value of its own has rest = -toward, one in the units of the price has rest = 0.
    """
    known = np.stack([-away, price], axis=1)
    known -= known.mean(axis=0)
    squares = known.T @ known
    if len(change) < LEAST or np.linalg.cond(squares) > 1e12:
        return 0.0
    inverse = np.linalg.inv(squares)
    centred = change - change.mean()
    toward, rest = inverse @ (known.T @ centred)
    left = centred - known @ np.array([toward, rest])
    error = np.sqrt(left @ left / len(change) * inverse.sum())
    if toward <= 0 or not -1 / 3 < rest / toward < 1:
        return 0.0
    return float((toward + rest) / error) if error > 0 else np.inf
