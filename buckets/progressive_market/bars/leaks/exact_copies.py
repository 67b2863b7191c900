"""Columns that repeat later prices, or one multiple of a later return, to the last digit, if only in some rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from progressive_market.bars.bar_records import Bars, Floats
from progressive_market.bars.leaks.column_forms import as_prices
from progressive_market.bars.leaks.evidence import Evidence
from progressive_market.bars.leaks.leak_targets import Rows, sampled
from progressive_training.presentation import share_text

ROWS = 3_000
AHEAD = 13  # bars to each side whose returns a column may repeat
SHARE = 0.01  # of the rows that repeat one multiple of a later return,
MORE = (
    3  # and so many times the share that repeats one of a past return: small moves are alike where prices move in ticks
)
DIGITS = 6  # of a multiple that must agree
LEVELS = 24  # bars to each side in which a price is looked for
LEVEL_SHARE = (
    0.1  # of the rows that hold a price first seen later, and MORE times the share of old prices that come again
)
SAME = 1e-9  # relative difference of two prices that are one


def exact_copies(bars: Bars, columns: Mapping[str, Floats]) -> Iterator[Evidence]:
    """Evidence of columns that hold later prices, or later returns times one number."""
    rows = np.arange(LEVELS + 2, len(bars) - LEVELS - 2)
    rows = sampled(rows[bars.segment[rows - LEVELS - 2] == bars.segment[rows + LEVELS + 2]], ROWS)
    if len(rows) < 100:
        return
    returns = dict(_returns(bars, rows))
    prices = np.stack([bars.open, bars.high, bars.low, bars.close])
    usual = max(first_seen_later(prices, price[rows - LEVELS - 1], rows) for price in prices)
    for name, values in columns.items():
        known = np.isfinite(values[rows])
        if known.sum() < 100:
            continue
        share, lag = _repeated(values[rows][known], {lag: each[:, known] for lag, each in returns.items()})
        if share > SHARE:
            finding = f"repeats the return of bar t + {lag + 1} exactly in {share_text(share)} of the rows"
            yield Evidence(columns=(name,), form="its level", finding=finding, strength=share, limit=SHARE, measure="")
            continue
        for form, level in as_prices(values[rows][known], bars.close[rows][known]):
            share = first_seen_later(prices, level, rows[known])
            if share > max(LEVEL_SHARE, MORE * usual):
                finding = f"is a price first seen on one of the next {LEVELS} bars in {share_text(share)} of the rows"
                yield Evidence(columns=(name,), form=form, finding=finding, strength=share, limit=SHARE, measure="")
                break


def _returns(bars: Bars, rows: Rows) -> Iterator[tuple[int, Floats]]:
    """Returns of single bars from `AHEAD` before to as many after `rows`, simple and log, by close and by fill [4, n]."""
    for lag in range(-AHEAD, AHEAD):
        simple = [
            bars.close[rows + lag + 1] / bars.close[rows + lag] - 1,
            bars.open[rows + lag + 2] / bars.open[rows + lag + 1] - 1,
        ]
        yield lag, np.stack([*simple, *np.log1p(simple)])


def _repeated(shown: Floats, returns: Mapping[int, Floats]) -> tuple[float, int]:
    """The largest share of rows in which `shown` [n] is one multiple of a later return, and which bar's; 0 where past
    returns are repeated as often."""
    shares = {lag: max(commonest(shown, each) for each in kinds) for lag, kinds in returns.items()}
    later = max((lag for lag in shares if lag >= 0), key=lambda lag: shares[lag])
    usual = max(share for lag, share in shares.items() if lag < 0)
    return (shares[later], later) if shares[later] > MORE * usual else (0.0, later)


def commonest(shown: Floats, returns: Floats) -> float:
    """Share of the rows that hold one and the same multiple of `returns`, of those where neither is 0."""
    both = (shown != 0) & (returns != 0)
    if both.sum() < 20:
        return 0.0
    multiples = np.sort(shown[both] / returns[both])
    edges = np.flatnonzero(np.diff(multiples) > 10.0**-DIGITS * np.abs(multiples[1:]))
    return float(np.diff(edges, prepend=-1, append=len(multiples) - 1).max()) / len(multiples)


def first_seen_later(prices: Floats, level: Floats, rows: Rows) -> float:
    """Share of the rows whose `level` [n] is one of the `prices` [4, T] of the next bars and none of those before."""
    met = np.zeros((2, len(rows)), dtype=bool)
    for lag in range(-LEVELS, LEVELS + 1):
        for price in prices:
            there = price[rows + lag]
            met[int(lag > 0)] |= np.abs(there - level) <= SAME * there
    return float((met[1] & ~met[0]).mean())
