"""The returns to come that columns are asked about, less what the bars' own past explains of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from progressive_market.bars.bar_records import Bars, Floats

Rows = NDArray[np.int64]
SINGLE = 13
"""Bars ahead whose own return is asked about: t to t + 1, and so on up to t + 12 to t + 13."""
SPANS = (2, 3, 6, 12, 24, 96)
"""Bars ahead over which returns are summed, besides the buckets' own horizons."""
PAST = 12
"""Bars whose returns may explain the next ones: what serial correlation explains is no leak."""


@frozen(kw_only=True)
class Targets:
    """T targets at the bars `rows` [n]: `values` [n, T] (0 where not `known` [n, T]), how many bars each spans
    (`horizons` [T]), and their `names`; `bars` is how many there are in all."""

    names: tuple[str, ...]
    horizons: NDArray[np.int64]
    bars: int
    rows: Rows = field(repr=False)
    values: Floats = field(repr=False)
    known: NDArray[np.bool_] = field(repr=False)


def targets_of(bars: Bars, rows: Rows, horizons: Iterable[int], total: int | None = None) -> Targets:
    """The returns after the bars `rows`: of single bars, of single fills, and over longer spans, outliers clipped.

    :param horizons: further spans, in bars: those that buckets predict.
    :param total: how many bars `rows` stand for; all by default.
    """
    spans = sorted({span for span in (*SPANS, *horizons) if span > 1})
    singles = sorted({*range(SINGLE), *(span - 1 for span in spans)})
    fills = [(bars.open, lag + 1, lag + 2, _single(lag, "fill's return")) for lag in range(SINGLE)]
    return _targets(bars, rows, [*_closes(bars, singles), *fills, *_spans(bars, spans)], total)


def further_targets(bars: Bars, rows: Rows, horizons: Iterable[int]) -> Targets:
    """Those of `targets_of` that are there for these `horizons` alone."""
    spans = sorted({span for span in horizons if span > 1 and span not in SPANS})
    singles = [span - 1 for span in spans if span > SINGLE]
    return _targets(bars, rows, [*_closes(bars, singles), *_spans(bars, spans)], None)


Return = tuple[Floats, int, int, str]
"""Prices [T], from how many bars ahead to how many, and what the return between them is called."""


def _closes(bars: Bars, lags: Iterable[int]) -> Iterable[Return]:
    return ((bars.close, lag, lag + 1, _single(lag, "return")) for lag in lags)


def _spans(bars: Bars, spans: Iterable[int]) -> Iterable[Return]:
    return ((bars.close, 0, span, f"the return of the next {span} bars") for span in spans)


def _targets(bars: Bars, rows: Rows, starts: Sequence[Return], total: int | None) -> Targets:
    last = len(bars) - 1
    values, known = np.zeros((len(rows), len(starts))), np.zeros((len(rows), len(starts)), dtype=bool)
    for column, (prices, start, stop, _) in enumerate(starts):
        end = np.minimum(rows + stop, last)
        exists = (rows + stop <= last) & (bars.segment[end] == bars.segment[rows])
        values[exists, column] = _clipped(np.log(prices[end[exists]] / prices[rows[exists] + start]))
        known[:, column] = exists
    past = past_returns(bars, rows)
    values = (values - past @ solved(past, values)) * known
    lengths = np.array([stop - start for _, start, stop, _ in starts])
    names = tuple(name for *_, name in starts)
    return Targets(
        names=names, horizons=lengths, bars=len(bars) if total is None else total, rows=rows, values=values, known=known
    )


def _single(lag: int, what: str) -> str:
    return f"the next bar's {what}" if lag == 0 else f"the {what} of bar t + {lag + 1}"


def past_returns(bars: Bars, rows: Rows) -> Floats:
    """One, and the returns of the bars up to each row [n, 1 + PAST]; 0 across a gap."""
    columns = [np.ones(len(rows))]
    for lag in range(PAST):
        before = np.maximum(rows - lag - 1, 0)
        inside = (rows > lag) & (bars.segment[before] == bars.segment[rows])
        columns.append(np.where(inside, np.log(bars.close[np.maximum(rows - lag, 0)] / bars.close[before]), 0.0))
    return np.stack(columns, axis=1)


def _clipped(returns: Floats) -> Floats:
    """`returns` clipped at four robust deviations, so that a few crashes do not dominate."""
    if not len(returns):
        return returns
    typical = 1.4826 * float(np.median(np.abs(returns))) or float(returns.std())
    return np.clip(returns, -4 * typical, 4 * typical)


def sampled(rows: Rows, limit: int) -> Rows:
    """At most `limit` of `rows`, in order, by a fixed chance."""
    if len(rows) <= limit:
        return rows
    return np.sort(np.random.default_rng(0).choice(rows, limit, replace=False))


def solved(known: Floats, table: Floats) -> Floats:
    """Least-squares weights [K, ...] of `known` [n, K] for `table` [n, ...]; by normal equations, ten times faster than by
    singular values, and safe where columns of `known` repeat each other."""
    gram = known.T @ known
    gram[np.diag_indices_from(gram)] *= 1 + 1e-9
    gram[np.diag_indices_from(gram)] += 1e-300
    return np.asarray(np.linalg.solve(gram, known.T @ table), dtype=np.float64)
