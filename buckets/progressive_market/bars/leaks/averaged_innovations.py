"""Columns whose last values together know later returns, where each alone is mostly noise: predictions fitted to the bars that
they predict, forward returns under noise, states of a smoothed price.

Neighbouring values of such a column know the same later bars, so an average of them holds less noise. What is new in the average
over a span, against the column's own values before that span, cannot come from the bars after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from progressive_market.bars.bar_records import Bars, Floats
from progressive_market.bars.leaks.column_forms import average, running
from progressive_market.bars.leaks.evidence import UNSURE, Evidence
from progressive_market.bars.leaks.innovations import clipped, gained, left_by
from progressive_market.bars.leaks.leak_targets import PAST, Rows, Targets, past_returns, sampled
from progressive_market.bars.leaks.single_columns import BLOCK, known_bars

LIMITS = {6: 0.1, 12: 0.15, 24: 0.2, 48: 0.25, 96: 0.5, 288: 0.55, 576: 0.6}
"""Bars of a span, and the R² on unseen bars that no honest column reaches.

Measured, span by span: at most 0.04 of columns computed from real bars; of a planted drift (R² 0.025 of the next bar, the half-life
that shows most) 0.06, 0.09, 0.19, 0.24, 0.36, 0.44, 0.45 of the drift itself, and 0.04, 0.08, 0.13, 0.17, 0.24, 0.27, 0.21 under
as much noise. A return over that many bars to come has 0.14, 0.22, 0.36, 0.49, 0.70, 0.90, 0.95 under so much noise that a
correlation of 0.25 is left. In-sample predictions have less, as their errors last: 24 bars ahead they are named from a correlation
of some 0.45 on, where cells of some twelve bars predict from 0.31 on; below, they look as that drift does.
"""
SUMS = (1, 2, 3, 6, 12, 24, 48, 96, 192, 288, 576, 1152)  # bars over which returns are known
SHORTEST = 48  # bars before the span whose values are known, at least
ROWS = 6_000
LEAST = 500  # rows without which nothing is asked
FORM = "its average of the last bars"


def explained_averages(bars: Bars, columns: Mapping[str, Floats], targets: Targets) -> Iterator[Evidence]:
    """Evidence that the returns of a span to come explain a column's average over the last span, beyond what past returns and
    the column's earlier values do."""
    price = np.log(bars.close)
    price -= price.mean()
    prices = running(price)
    spans = [each for span in LIMITS if (each := Span.of(bars, span, targets, price, prices))]
    for name, values in columns.items():
        known = np.isfinite(values)
        if known.sum() < LEAST:
            continue
        total, missing = running(standardised(values, known)), running(~known)
        for span in spans:
            whole = missing[span.rows + 1] == missing[span.rows + 1 - span.back]
            stands_for = span.bars * float(whole.mean())
            if whole.sum() < LEAST or UNSURE * span.length > stands_for:
                continue
            limit = max(LIMITS[span.length], UNSURE * span.length / stands_for)
            r2 = (span if whole.all() else span.at(whole)).explained(total)
            if r2 > limit:
                finding = f"is explained by the next {span.length} returns"
                yield Evidence(columns=(name,), form=FORM, finding=finding, strength=r2, limit=limit)


@frozen(kw_only=True)
class Span:
    """`length` bars to each side of the bars `rows` [n]: what is known of the returns before, `past` [n, P], what it leaves of those
    to come, `later` [n, L], and which rows a model is fitted on, `fit` [n]. `back` is how many bars before count; the rows stand for
    `bars` bars."""

    length: int
    back: int
    bars: int
    rows: Rows
    past: Floats
    later: Floats
    fit: NDArray[np.bool_]

    @classmethod
    def of(cls, bars: Bars, length: int, targets: Targets, price: Floats, total: Floats) -> Span | None:
        """At those of the targets' rows that have no gap near; None where they are too few.

        :param price: log of the close [T]. :param total: its running sums.
        """
        back = length + max(length, SHORTEST)
        rows = targets.rows[(targets.rows >= back) & (targets.rows + length < len(bars))]
        rows = rows[bars.segment[rows - back] == bars.segment[rows + length]]
        if len(rows) < LEAST:
            return None
        stands_for, rows = known_bars(targets, len(rows)), sampled(rows, ROWS)
        now = price[rows]
        known = [now - price[rows - lag] for lag in SUMS if PAST < lag <= back]
        known += [now - average(total, rows - 1, mean) for mean in (length // 2, length)]
        past = np.concatenate([past_returns(bars, rows), np.stack(known, axis=1)], axis=1)
        coming = [price[rows + lag] - now for lag in SUMS if lag <= length]
        later = np.stack([*coming, average(total, rows + length, length) - now], axis=1)
        fit = rows // BLOCK % 2 == 0
        return cls(
            length=length, back=back, bars=stands_for, rows=rows, past=past, later=left_by(past, later, fit), fit=fit
        )

    def at(self, some: NDArray[np.bool_]) -> Span:
        """The same at `some` [n] of the rows."""
        past, fit = self.past[some], self.fit[some]
        return evolve(self, rows=self.rows[some], past=past, later=left_by(past, self.later[some], fit), fit=fit)

    def explained(self, total: Floats) -> float:
        """R² on the rows that are not fitted on, of the best explained of three averages of the column whose sums are `total`."""
        shown = [average(total, self.rows, length) for length in (1, self.length // 2, self.length)]
        before = self.rows - self.length
        earlier = [average(total, before, length) for length in (1, SHORTEST // 4, self.back - self.length)]
        table = left_by(self.past, np.stack([*map(clipped, shown), *earlier], axis=1), self.fit)
        return float(gained(table[:, :3], table[:, 3:], self.later, self.fit).max())


def standardised(values: Floats, known: NDArray[np.bool_]) -> Floats:
    """`values` with mean 0 and deviation 1 where they are `known`, and 0 elsewhere."""
    held = values[known]
    return np.where(known, (values - held.mean()) / (held.std() or 1.0), 0.0)
