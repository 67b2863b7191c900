"""The close or the volume scaled by the smallest, largest or middle values of the whole file, and their ranks and quantile cuts.

Each leaves an exact sign: a close that runs from 0 to 1, a volume with the median 0, values as even as their own ranks. Other
columns are not asked: a share runs from 0 to 1 by itself, and minutes of the day are as even as ranks.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from progressive_market.bars.bar_records import Floats
from progressive_market.bars.leaks.leak_targets import sampled
from progressive_market.bars.leaks.rare_rows import ranked
from progressive_market.bars.leaks.whole_file.linear_fit import LINEAR, NEAR, ROWS, explained

EXACT = 1e-6  # of the range: how near a smallest or largest value is to 0 or 1
FIRST = 0.85
"""Share of the bars whose statistics anyone may use. Where the smallest and the largest value lie there, scaling by them is what
scaling by the whole file is."""
EVEN = 0.999  # R² of a column by its ranks, without which they are not counted
PROBES = 12  # values whose rank is counted
FEW = 100  # distinct values of a quantile cut, at most
UNEVEN = 1e-3  # relative difference of the sizes of its groups: prices that are equal fall into one
LARGEST = "has the largest value 1"


def scaled(values: Floats, known: NDArray[np.bool_], market: Mapping[str, Floats]) -> str:
    """How the column is a series of the `market` scaled by the whole file, in words; empty where it is not."""
    held = values[known]
    how = _by_extremes(held) or _by_quartiles(held)
    if not how:
        return ""
    rows = sampled(np.flatnonzero(known), ROWS)
    for other, series in market.items():
        asked = rows[np.isfinite(series[rows])]
        shown, made = series[asked], values[asked]
        if len(asked) < len(rows) / 2 or shown.std() <= 0 or np.allclose(shown, made):
            continue
        if explained(made, [shown]) > LINEAR and (how != LARGEST or _proportional(made, shown)):
            return f"is {other} scaled by the whole file: it {how}"
    return ""


def _by_extremes(held: Floats) -> str:
    """The sign of a scaling by the smallest or largest value, one of which lies in the last bars."""
    low, high = int(held.argmin()), int(held.argmax())
    smallest, largest = float(held[low]), float(held[high])
    last, near = FIRST * len(held), EXACT * (largest - smallest)
    if abs(largest - 1) > near:
        return ""
    for lowest in (0, -1):
        if abs(smallest - lowest) <= near:
            return f"runs from {lowest} to 1" if max(low, high) > last else ""
    return LARGEST if smallest > 0 and high > last else ""


def _by_quartiles(held: Floats) -> str:
    """The sign of a scaling by the median and the distance of the quartiles."""
    rough = np.quantile(held[:: max(1, len(held) // ROWS)], [0.25, 0.5, 0.75])
    if abs(rough[1]) > 0.2 or abs(rough[2] - rough[0] - 1) > 0.2:
        return ""
    first, median, third = np.quantile(held, [0.25, 0.5, 0.75])
    return "has the median 0 and quartiles 1 apart" if max(abs(median), abs(third - first - 1)) < NEAR else ""


def _proportional(made: Floats, shown: Floats) -> bool:
    if (shown <= 0).any():
        return False
    ratio = made / shown
    return bool(np.ptp(ratio) <= EXACT * ratio.mean())


def ranks(values: Floats, known: NDArray[np.bool_], market: Mapping[str, Floats]) -> str:
    """How the column is a rank or a quantile cut of a series of the `market` over the whole file, in words; empty where it is
    not."""
    held = values[known]
    rows = sampled(np.flatnonzero(known), ROWS)
    shown = values[rows]
    distinct, sizes = np.unique(shown, return_counts=True)
    few = 1 < len(distinct) <= FEW
    if len(distinct) < 2 or (np.ptp(sizes) > 0.5 * sizes.mean() if few else not _even(shown)):
        return ""
    for other, series in market.items():
        if _monotone(shown, series[rows]):
            if few and _evenly_cut(held, distinct):
                return f"cuts {other} into {len(distinct)} groups of one size over the whole file"
            if not few and _is_its_rank(shown, held):
                return f"is the rank of {other} over the whole file"
    return ""


def _even(shown: Floats) -> bool:
    return explained(shown, [ranked(shown[:, None])[:, 0]]) > EVEN


def _evenly_cut(held: Floats, distinct: Floats) -> bool:
    """Whether each of the `distinct` values is held by as many rows."""
    group = np.minimum(np.searchsorted(distinct, held), len(distinct) - 1)
    sizes = np.bincount(group, minlength=len(distinct))
    uneven = UNEVEN * sizes.mean() if len(sizes) > 2 else 0.0  # a threshold may halve the bars by chance
    return bool((distinct[group] == held).all() and np.ptp(sizes) <= max(2, uneven))


def _monotone(shown: Floats, series: Floats) -> bool:
    """Whether `shown` [n] only rises, or only falls, with `series` [n], and is not the same."""
    steps = np.diff(shown[series.argsort(kind="stable")])
    return bool((steps >= 0).all() or (steps <= 0).all()) and not np.allclose(shown, series)


def _is_its_rank(shown: Floats, held: Floats) -> bool:
    """Whether values `shown` are as far apart as their ranks among all `held` [n]."""
    probes = np.quantile(shown, np.linspace(0.02, 0.98, PROBES), method="nearest")
    rank = np.array([((held < probe).sum() + (held <= probe).sum()) / 2 for probe in probes])
    slope, start = np.polyfit(rank, probes, 1)
    return bool((np.abs(probes - start - slope * rank) < 0.4 * abs(slope)).mean() >= 0.75)
