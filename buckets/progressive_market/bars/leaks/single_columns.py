"""Columns that explain a return to come: a model of their values, fitted on some bars, is tried on others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from progressive_market.bars.bar_records import Bars, Floats
from progressive_market.bars.leaks.column_forms import forms
from progressive_market.bars.leaks.evidence import Evidence, limit_of
from progressive_market.bars.leaks.leak_targets import Targets

GROUPS = 10  # a model is the mean return in each tenth of a column's values
BLOCK = 500  # bars; models are fitted on one half, and on alternate blocks: a leak may cover only a part of the data
LEAST_SHARE = 0.2  # of the rows that must be fitted on, and predicted
PARTS = (((0, 1), (2, 3)), ((0, 2), (1, 3)))
"""Quarters (half x alternate block) that are fitted on, and those that are predicted: by halves, then by blocks."""


def explained_alone(
    bars: Bars, columns: Mapping[str, Floats], targets: Targets, where: str = "", stricter: float = 1.0
) -> Iterator[Evidence]:
    """The strongest evidence that a form of each column explains one of the targets too well.

    :param where: which bars the targets are at, for the message, if not all. :param stricter: factor of the limits.
    """
    for name, values in columns.items():
        present = np.isfinite(values[targets.rows]) & np.isfinite(values[targets.rows - 1])
        rows = targets.rows[present]
        if len(rows) < 2 * GROUPS:
            continue
        quarters = _quarters(targets, present)
        stands_for = known_bars(targets, len(rows))
        limits = stricter * np.array([limit_of(int(horizon), stands_for) for horizon in targets.horizons])
        for form, shown in forms(values, bars.close, rows):
            r2 = out_of_sample(shown, quarters)
            best = int(np.argmax(r2 / limits))
            if r2[best] > limits[best]:
                finding = f"explains {targets.names[best]}{where}"
                found, limit = float(r2[best]), float(limits[best])
                yield Evidence(columns=(name,), form=form, finding=finding, strength=found, limit=limit)


def known_bars(targets: Targets, rows: int) -> int:
    """How many bars `rows` of the targets' rows stand for."""
    return int(targets.bars * rows / len(targets.rows))


Quarters = list[tuple[NDArray[np.int64], Floats, Floats]]
"""Of each quarter its positions among the rows [m], and there the targets and whether they are known [m, T]."""


def _quarters(targets: Targets, present: NDArray[np.bool_]) -> Quarters:
    rows = targets.rows[present]
    quarter = 2 * (np.arange(len(rows)) >= len(rows) // 2) + (rows // BLOCK) % 2
    values, known = targets.values[present], targets.known[present].astype(np.float64)
    return [(inside := np.flatnonzero(quarter == number), values[inside], known[inside]) for number in range(4)]


def out_of_sample(shown: Floats, quarters: Quarters) -> Floats:
    """Share of the variance of each target [T] that groups of `shown` [n] explain on rows they were not fitted on: the
    better of first half for second and alternate blocks for the others.

    From sums by group and quarter alone, so that no table of predictions is made.
    """
    edges = np.unique(np.quantile(shown, np.arange(1, GROUPS) / GROUPS))
    members = np.eye(GROUPS + 1)[np.searchsorted(edges, shown, side="right")]  # [n, groups]
    counts, sums, squares = [], [], []
    for inside, returns, known in quarters:
        counts.append(members[inside].T @ known)  # [groups, T]
        sums.append(members[inside].T @ returns)
        squares.append(np.einsum("nt,nt->t", returns, returns))
    best = np.zeros(len(squares[0]))
    for (a, b), (c, d) in PARTS:
        count, total = counts[a] + counts[b], sums[a] + sums[b]
        usual = total.sum(axis=0) / np.maximum(count.sum(axis=0), 1)
        mean = np.where(count > 0, total / np.maximum(count, 1), usual)
        unseen, gained, power = counts[c] + counts[d], sums[c] + sums[d], squares[c] + squares[d]
        left = power - (2 * mean * gained - mean**2 * unseen).sum(axis=0)
        spread = power - (2 * usual * gained - usual**2 * unseen).sum(axis=0)
        fitted, tried = count.sum(axis=0), unseen.sum(axis=0)
        enough = (np.minimum(fitted, tried) > LEAST_SHARE * (fitted + tried)) & (spread > 1e-9 * power)
        best = np.maximum(best, np.where(enough, 1 - left / np.where(enough, spread, 1.0), 0.0))
    return best
