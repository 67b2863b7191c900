"""Columns whose news are later returns: what is new in an honest column at a bar cannot come from the bars after it.

A column that holds a span of later returns (a label, a centred average, a day's final high) may explain each single one
weakly; all of them together explain its change well. Asked the other way round: the change of the column is explained by
the next returns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from progressive_market.bars.bar_records import Bars, Floats
from progressive_market.bars.leaks.evidence import LONGER, UNSURE, Evidence
from progressive_market.bars.leaks.leak_targets import PAST, Rows, Targets, past_returns, solved
from progressive_market.bars.leaks.single_columns import BLOCK, known_bars

AHEAD = 24  # bars whose returns may explain the change of a column
NEWS = 0.1
"""R² on unseen bars that the change of no honest column reaches; its level may show a drift that lasts, and is allowed what
any span of returns is (`LONGER`). Measured: 0.11 of the level of a column that shows a strong slow drift. What past returns
explain is taken out, so that serial correlation is no sign."""


def explained_changes(bars: Bars, columns: Mapping[str, Floats], targets: Targets) -> Iterator[Evidence]:
    """Evidence that the next `AHEAD` returns explain a column or its change, beyond what the past ones do."""
    rows = targets.rows[targets.rows + AHEAD < len(bars)]
    rows = rows[bars.segment[rows - 1] == bars.segment[rows + AHEAD]]
    later = np.stack([np.log(bars.close[rows + lag + 1] / bars.close[rows + lag]) for lag in range(AHEAD)], axis=1)
    past = past_returns(bars, rows)
    for name, values in columns.items():
        known = np.isfinite(values[rows]) & np.isfinite(values[rows - 1])
        if known.sum() < 10 * (AHEAD + PAST):
            continue
        asked = rows[known]
        chance = UNSURE * AHEAD / known_bars(targets, len(asked))
        forms = list(_forms(values, bars.close, asked))
        shown = np.stack([each for *_, each in forms], axis=1)
        shares = gained(shown, past[known], later[known], asked // BLOCK % 2 == 0)
        for (form, honest, _), r2 in zip(forms, shares.tolist(), strict=True):
            limit = max(honest, chance)
            if r2 > limit:
                finding = f"is explained by the next {AHEAD} returns"
                yield Evidence(columns=(name,), form=form, finding=finding, strength=r2, limit=limit)


def _forms(values: Floats, close: Floats, rows: Rows) -> Iterator[tuple[str, float, Floats]]:
    """A column and its ratio to the close, and their changes, with the limit of each, clipped at four deviations."""
    now, before = values[rows], values[rows - 1]
    made = [("its level", LONGER, now), ("its change", NEWS, now - before)]
    if now.min() > 0 and before.min() > 0:
        ratio, earlier = np.log(now / close[rows]), np.log(before / close[rows - 1])
        made.append(("its ratio to the close", LONGER, ratio))
        made.append(("the change of its ratio to the close", NEWS, ratio - earlier))
    for form, limit, shown in made:
        yield form, limit, clipped(shown)


def clipped(values: Floats) -> Floats:
    """`values` [n], clipped at four deviations."""
    mean, deviation = float(values.mean()), float(values.std())
    return np.clip(values, mean - 4 * deviation, mean + 4 * deviation)


def left_by(known: Floats, table: Floats, fit: NDArray[np.bool_]) -> Floats:
    """What a linear model of `known` [n, K], fitted on the rows `fit`, leaves of the `table` [n, F]."""
    remainder: Floats = table - known @ solved(known[fit], table[fit])
    return remainder


def gained(shown: Floats, past: Floats, later: Floats, fit: NDArray[np.bool_]) -> Floats:
    """Share that the `later` returns explain of what the `past` ones leave of each column of `shown` [n, F], on the rows that are
    not `fit`: [F]; 0 where nothing is left."""
    if fit.all() or not fit.any():
        return np.zeros(shown.shape[1])
    both = np.concatenate([past, later], axis=1)
    left = [(left_by(known, shown, fit)[~fit] ** 2).mean(axis=0) for known in (past, both)]
    asked = left[0] > 1e-12 * shown.var(axis=0)
    return np.where(asked, 1 - left[1] / np.where(asked, left[0], 1.0), 0.0)
