"""Leaks in a few rows: where a column is not what it usually is, where it is extreme, and in one stretch of the bars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from progressive_market.bars.bar_records import Bars, Floats
from progressive_market.bars.leaks.evidence import UNSURE, Evidence
from progressive_market.bars.leaks.leak_targets import SINGLE, Rows, sampled, targets_of
from progressive_market.bars.leaks.single_columns import explained_alone

ROWS = 3_000
LEAST = 200  # rows without which nothing is asked
EXTREME = 0.02  # share of the rows
SEARCHED = 200_000  # rows in which unusual ones are looked for
STRETCHES = 128
STRETCH = 400  # bars of each that are asked, at most
STRETCH_LIMIT = 0.1
STRICTER = 2.0
"""The limits are so many times as high where few rows are asked: extremes come in clusters. Measured: a lagged close of a
planted market reached an R² of 0.06."""


def where_unusual(bars: Bars, columns: Mapping[str, Floats]) -> Iterator[Evidence]:
    """Evidence from the rows where a column has not its most common value, and where it is extreme."""
    for name, values in columns.items():
        for where, rows in unusual(values, sampled(np.arange(1, len(bars) - 2), SEARCHED)):
            if len(rows) >= LEAST:
                targets = targets_of(bars, sampled(rows, ROWS), (), total=len(rows))
                yield from explained_alone(bars, {name: values}, targets, where, STRICTER)


def unusual(values: Floats, rows: Rows) -> list[tuple[str, Rows]]:
    """Groups of a few of the `rows`, in words and by number."""
    rows = rows[np.isfinite(values[rows]) & np.isfinite(values[rows - 1])]
    if len(rows) < LEAST:
        return []
    shown = values[rows]
    groups = []
    usual = float(np.median(shown))
    if 0.5 < (shown == usual).mean() < 1:
        groups.append((f" where it is not {usual:g}", rows[shown != usual]))
    low, high = np.quantile(shown, [EXTREME / 2, 1 - EXTREME / 2])
    groups.append((" where it is extreme", rows[(shown < low) | (shown > high)]))
    return groups


def in_a_stretch(bars: Bars, columns: Mapping[str, Floats]) -> Iterator[Evidence]:
    """Evidence from one of many stretches of the bars, by rank correlation with the returns of single bars ahead."""
    length = (len(bars) - SINGLE - 2) // STRETCHES
    if length < LEAST:
        return
    moves = np.append(np.diff(np.log(bars.close)), 0.0)  # from each bar's close to the next
    for start in range(1, STRETCHES * length, length):
        rows = np.arange(start, start + min(length, STRETCH))
        if bars.segment[rows[0] - 1] != bars.segment[rows[-1] + SINGLE]:
            continue
        returns = ranked(np.stack([moves[rows + lag] for lag in range(SINGLE)], axis=1))
        limit = STRETCH_LIMIT + UNSURE / len(rows)
        shown = {name: values[rows[0] - 1 : rows[-1] + 1] for name, values in columns.items()}
        shown = {name: values for name, values in shown.items() if np.isfinite(values).all()}
        if not shown:
            continue
        table = np.stack(list(shown.values()), axis=1)
        for form, looked in (("its level", table[1:]), ("its change", np.diff(table, axis=0))):
            r2 = (ranked(looked).T @ returns / len(rows)) ** 2  # [columns, SINGLE]
            for column, lag in np.argwhere(r2 > limit):
                finding = f"explains the return of bar t + {lag + 1} in {len(rows)} of the bars"
                strength = float(r2[column, lag])
                yield Evidence(
                    columns=(list(shown)[column],), form=form, finding=finding, strength=strength, limit=limit
                )


def ranked(values: Floats) -> Floats:
    """Ranks of each column of `values` [n, ...], with mean 0 and deviation 1; 0 where all are equal."""
    ranks = values.argsort(axis=0, kind="stable").argsort(axis=0).astype(float)
    ranks -= ranks.mean(axis=0)
    ranks[:, values.max(axis=0) == values.min(axis=0)] = 0.0
    standard: Floats = ranks / np.maximum(ranks.std(axis=0), 1e-12)
    return standard
