"""Leak check: finds features and columns that contain later data. It runs before training, since results cannot show it.

Two checks. Features are computed again on bars that end earlier: if a row changes, it depends on later bars. And a few
simple models of each column are fitted to predict returns: a column that predicts them on other bars better than any
honest column can is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import structlog
from attrs import evolve, field, frozen
from numpy.typing import NDArray

from progressive_market.bars.bar_records import Bars, Floats, iso
from progressive_training import DataError

log = structlog.get_logger("progressive_training")

FeatureFunction = Callable[[Bars], NDArray[np.floating]]
"""From bars to features, one row a bar: [bars, features]."""

EXCERPT = 4000  # bars on which features are computed again
CUTS = (0.35, 0.5, 0.73, 0.99)  # shares of the excerpt at which the bars are cut off
SAME = 1e-5  # relative difference that counts as equal: a sum over fewer bars may be rounded differently

ROWS = 10_000  # bars that are predicted, at most: enough to distinguish an R² of 0.05 from one of 0.03
GROUPS = 10  # a model is the mean return in each tenth of a column's values
BLOCK = 500  # bars; models are fitted on one half, and on alternate blocks: a leak may cover only a part of the data
AVERAGE = 24  # bars of the average in one of the forms of a column
IMPLAUSIBLE = {1: 0.05, 6: 0.25, 24: 0.25, 96: 0.25}
"""R² on unseen bars that no honest column reaches, by how many bars' return it explains.

On the next bar 0.05 is a correlation of 0.22: a Sharpe ratio above 15 a year on hourly bars. Measured: 0.01 for columns
planted to be useful, 0.002 for prices and volumes of real hourly bars, 0.07 and more for returns to come under three times
their noise. The longer spans catch labels that were left in a file; honest trends explain more there (0.06 on planted
markets), and a label, even a sign (of 12 bars: 1 / pi), shares more of its variance with one of these spans.
"""
UNSURE = 50  # lowest limit of R², in units of 1 / number of independent returns: chance alone stays below it


@frozen(kw_only=True)
class Evidence:
    """The strongest sign that `column` contains later data: in the given `form` it explains the share `r2` of `target`'s
    variance, more than `limit`."""

    column: str
    form: str
    target: str
    r2: float
    limit: float


def check_leaks(bars: Bars, feature_function: FeatureFunction, allow: Sequence[str] = ()) -> list[str]:
    """Check features and columns for later data.

    :param feature_function: see `check_causal`.
    :param allow: columns that may leak, on the user's word.
    :return: the allowed columns that do leak.
    :raise DataError: one that is not allowed does, or an allowed one does not exist.
    """
    columns = {"volume": bars.volume, **bars.extra}
    unknown = [name for name in allow if name not in columns]
    if unknown:
        raise DataError(f"ALLOW_LEAK names {', '.join(unknown)}: no such column; there are {', '.join(columns)}")
    check_causal(feature_function, bars)
    leaking = leak_evidence(bars, columns)
    refused = [found for found in leaking if found.column not in allow]
    if refused:
        evidence = "; ".join(f"{found.column} ({found.form}: R² {found.r2:.2f} of {found.target})" for found in refused)
        flags = " ".join(f"--allow-leak {found.column}" for found in refused)
        raise DataError(
            f"{bars.report.source}: column predicts returns implausibly well on unseen bars: {evidence}; above "
            f"{refused[0].limit:g} it very likely holds later data: drop or shift it, or use {flags}"
        )
    for found in leaking:
        log.warning("a column that knows the future is in use", column=found.column, r2=round(found.r2, 3))
    return [found.column for found in leaking]


def check_causal(feature_function: FeatureFunction, bars: Bars, names: Sequence[str] = ()) -> None:
    """Compute features again on bars that end earlier, at several places, and compare.

    :param feature_function: gives one row for each bar, from that bar and those before it.
    :param names: of its columns, for the message.
    :raise DataError: a row changes when later bars are taken away; the message says which.
    """
    for first in sorted({0, max(0, _last_gap(bars) - EXCERPT // 2)}):
        excerpt = bars.between(first, min(len(bars), first + EXCERPT))
        whole = np.asarray(feature_function(excerpt))
        _one_row_a_bar(whole, len(excerpt))
        for stop in sorted({max(2, int(cut * len(excerpt))) for cut in CUTS}):
            part = np.asarray(feature_function(excerpt.between(0, stop)))
            _compare(whole[:stop], part, excerpt, stop, names)


def _one_row_a_bar(features: NDArray[np.floating], bars: int) -> None:
    if len(features) != bars:
        raise DataError(f"features: {bars} bars gave {len(features)} rows; expected one row for each bar")


def _last_gap(bars: Bars) -> int:
    return int(np.searchsorted(bars.segment, bars.segment[-1]))


def _compare(
    whole: NDArray[np.floating], part: NDArray[np.floating], bars: Bars, stop: int, names: Sequence[str]
) -> None:
    _one_row_a_bar(part, stop)
    whole, part = whole.reshape(stop, -1), part.reshape(stop, -1)
    size = np.nan_to_num(np.abs(whole)).mean(axis=0) + 1e-12
    changed = ~np.isclose(part, whole, rtol=SAME, atol=SAME * size, equal_nan=True)
    if changed.any():
        row, column = (int(position[0]) for position in np.nonzero(changed))
        count = len(np.flatnonzero(changed.any(axis=0)))
        raise DataError(
            f"features: {count} of {whole.shape[1]} see later bars: {names[column] if names else f'feature {column}'} of the bar at "
            f"{iso(bars.time[row : row + 1])[0]} is {whole[row, column]:.6g} with the bars after "
            f"{iso(bars.time[stop - 1 : stop])[0]} and {part[row, column]:.6g} without; use only that bar and earlier ones"
        )


@frozen(kw_only=True)
class _Target:
    """Returns to predict from the bars `rows`, outliers clipped."""

    name: str
    horizon: int
    rows: NDArray[np.int64] = field(repr=False)
    returns: Floats = field(repr=False)

    def where(self, kept: NDArray[np.bool_]) -> _Target:
        """The same for some of its bars."""
        return self if kept.all() else evolve(self, rows=self.rows[kept], returns=self.returns[kept])


def leak_evidence(bars: Bars, columns: Mapping[str, Floats]) -> list[Evidence]:
    """The strongest evidence for each column that contains later data; bars without a value are left out."""
    targets = list(_targets(bars))
    found = []
    for name, values in columns.items():
        strongest: Evidence | None = None
        known = np.isfinite(values)
        for whole in targets:
            target = whole.where(known[whole.rows] & known[whole.rows - 1])
            if len(target.rows) < 2 * GROUPS:
                continue
            limit = max(IMPLAUSIBLE[target.horizon], UNSURE * target.horizon / int(known.sum()))
            for form, shown in _forms(values, bars.close, target.rows):
                r2 = _explained(shown, target)
                if r2 > limit and (strongest is None or r2 > strongest.r2):
                    strongest = Evidence(column=name, form=form, target=target.name, r2=r2, limit=limit)
        if strongest is not None:
            found.append(strongest)
    return found


def _targets(bars: Bars) -> Iterator[_Target]:
    rows = np.arange(1, len(bars) - 2)
    if len(rows) > ROWS:
        rows = np.sort(np.random.default_rng(0).choice(rows, ROWS, replace=False))
    for horizon in IMPLAUSIBLE:
        inside = rows[rows + horizon + 1 < len(bars)]
        inside = inside[bars.segment[inside] == bars.segment[inside + horizon + 1]]
        if len(inside) < 2 * GROUPS:
            continue
        later = np.log(bars.close[inside + horizon] / bars.close[inside])
        words = "the next bar's return" if horizon == 1 else f"the next {horizon} bars' return"
        yield _Target(name=words, horizon=horizon, rows=inside, returns=_clipped(later))
        if horizon == 1:
            filled = np.log(bars.open[inside + 2] / bars.open[inside + 1])
            yield _Target(name="the next fill's return", horizon=1, rows=inside, returns=_clipped(filled))


def _clipped(returns: Floats) -> Floats:
    """`returns` clipped at four robust deviations, so that a few crashes do not dominate."""
    typical = 1.4826 * float(np.median(np.abs(returns))) or float(returns.std())
    return np.clip(returns, -4 * typical, 4 * typical)


def _forms(values: Floats, close: Floats, rows: NDArray[np.int64]) -> Iterator[tuple[str, Floats]]:
    """Forms of a column (name, values) at `rows`; there it and the bar before must have a value."""
    now, before = values[rows], values[rows - 1]
    yield "its level", now
    yield "its change", now - before
    if now.min() > 0 and before.min() > 0:
        yield "its ratio to the close", now / close[rows]
        yield "its relative change", now / before
    known = np.isfinite(values)
    total = np.concatenate([[0.0], np.cumsum(np.where(known, values, 0.0))])
    count = np.concatenate([[0], np.cumsum(known)])
    start = np.maximum(rows + 1 - AVERAGE, 0)
    average = (total[rows + 1] - total[start]) / (count[rows + 1] - count[start])
    yield f"its distance from its average of {AVERAGE} bars", now - average


def _explained(shown: Floats, target: _Target) -> float:
    """The share of the returns' variance that a model of `shown` explains on bars it was not fitted on: the better of
    first half for second and alternate blocks for the others."""
    edges = np.unique(np.quantile(shown, np.arange(1, GROUPS) / GROUPS))
    group = np.searchsorted(edges, shown, side="right")
    halves = np.arange(len(shown)) < len(shown) // 2
    blocks = target.rows // BLOCK % 2 == 0
    return max(_fitted(group, target.returns, fit) for fit in (halves, blocks))


def _fitted(group: NDArray[np.int64], returns: Floats, fit: NDArray[np.bool_]) -> float:
    if not 0 < fit.sum() < len(fit):
        return 0.0
    counts = np.bincount(group[fit], minlength=GROUPS + 1)
    sums = np.bincount(group[fit], weights=returns[fit], minlength=GROUPS + 1)
    usual = float(returns[fit].mean())
    predicted = np.where(counts > 0, sums / np.maximum(counts, 1), usual)[group[~fit]]
    unseen = returns[~fit]
    spread = float(((unseen - usual) ** 2).sum())
    return 1 - float(((unseen - predicted) ** 2).sum()) / spread if spread > 0 else 0.0
