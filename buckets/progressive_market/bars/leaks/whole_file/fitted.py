"""Columns that were fitted to the whole file before it came here: z-scores, residuals of a trend, scalings and ranks.

Such a column knows the mean, deviation or trend of all bars, those to come included. Fitting leaves exact signs: a mean of 0
and a deviation of 1 over the whole file, or a mean of 0 and no correlation with time in what is otherwise the price.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from progressive_market.bars.bar_records import Bars, Floats
from progressive_market.bars.leaks.clock import follows_the_clock
from progressive_market.bars.leaks.evidence import Evidence
from progressive_market.bars.leaks.leak_targets import sampled
from progressive_market.bars.leaks.whole_file.linear_fit import LINEAR, NEAR, ROWS, explained
from progressive_market.bars.leaks.whole_file.scaling import ranks, scaled

EXACT = 1e-5  # how near to 0 and 1 the mean and deviation of any column may come by chance
DEGREES = 3  # of time, that a trend may have


def fitted_to_the_whole_file(bars: Bars, columns: Mapping[str, Floats]) -> Iterator[Evidence]:
    """Evidence for each column that is a z-score, a residual of a trend, a scaling or a rank over all bars."""
    series = {
        "the close": bars.close,
        "the log of the close": np.log(bars.close),
        "the volume": bars.volume,
        "the log of the volume": np.log1p(bars.volume),
    }
    for name, values in columns.items():
        known = np.isfinite(values)
        if name == "volume" or known.sum() < 1000:
            continue
        others = {**series, **{other: each for other, each in columns.items() if other not in (name, "volume")}}
        how = (
            z_score(bars, values, known, others)
            or detrended(values, known, others)
            or scaled(values, known, series)
            or ranks(values, known, series)
        )
        if how:
            yield Evidence(columns=(name,), form="its level", finding=how, strength=1.0, limit=LINEAR, measure="")


def z_score(bars: Bars, values: Floats, known: np.ndarray, others: Mapping[str, Floats]) -> str:
    """How the column is a z-score over the whole file, in words; empty where it is not."""
    held = values[known]
    mean, deviation = float(held.mean()), float(held.std())
    away = max(abs(mean), min(abs(deviation - 1), abs(deviation * np.sqrt(len(held) / (len(held) - 1)) - 1)))
    if away > NEAR or follows_the_clock(bars.time, values):
        return ""
    words = "has the mean 0 and the deviation 1 over the whole file: a z-score with the mean of all bars"
    if away < EXACT:
        return words
    rows = sampled(np.flatnonzero(known), ROWS)
    for other, series in others.items():
        shown = series[rows]
        if np.isfinite(shown).all() and shown.std() > 0 and explained(values[rows], [shown]) > LINEAR:
            return f"{words} of {other}"
    return ""


def detrended(values: Floats, known: np.ndarray, others: Mapping[str, Floats]) -> str:
    """How the column is the residual of a trend over the whole file, in words; empty where it is not."""
    held = values[known]
    deviation = float(held.std())
    if deviation <= 0 or abs(float(held.mean())) > NEAR * deviation:
        return ""
    time = np.linspace(-1, 1, len(values))
    if abs(float(((held - held.mean()) * time[known]).mean())) > NEAR * deviation * float(time[known].std()):
        return ""
    rows = sampled(np.flatnonzero(known), ROWS)
    trend = [time[rows] ** degree for degree in range(1, DEGREES + 1)]
    for other, series in others.items():
        shown = series[rows]
        if not np.isfinite(shown).all() or shown.std() <= 0 or explained(values[rows], [shown]) > LINEAR:
            continue  # a multiple of the series itself is no residual
        if explained(values[rows], [shown, *trend]) > LINEAR and explained(values[rows], trend) < 0.999:
            return f"is {other} less a trend that was fitted to the whole file"
    return ""
