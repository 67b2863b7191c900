"""Pairs of columns that explain a return to come together, and neither alone: products, and differences.

A coin and the next return times that coin are noise each; their product is the return. So is a walk, and the same walk with
the return added: their difference.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from progressive_market.bars.bar_records import Bars, Floats
from progressive_market.bars.leaks.evidence import Evidence, limit_of
from progressive_market.bars.leaks.leak_targets import Targets
from progressive_market.bars.leaks.rare_rows import ranked

MOST = 60  # columns that are paired; of more, the first
WORK = 10_000 * 30**2  # rows x columns² of all products: fewer rows where columns are many


def pairs_that_explain(bars: Bars, columns: Mapping[str, Floats], targets: Targets) -> list[Evidence]:
    """The strongest evidence for each column that explains a target too well together with another one, or with what the
    bars themselves show."""
    rows = targets.rows
    shown = {name: values[rows] for name, values in columns.items() if name != "volume"}
    shown = {
        name: np.where(np.isfinite(values), values, np.nanmedian(values) if np.isfinite(values).any() else 0.0)
        for name, values in list(shown.items())[:MOST]
    }
    moves = np.log(bars.close[rows] / bars.close[rows - 1])
    spread = bars.high[rows] - bars.low[rows]
    shown_bars = {
        "the last return": moves,
        "the size of the last return": np.abs(moves),
        "the volume": bars.volume[rows],
        "the range": spread / bars.close[rows],
        "the close": bars.close[rows],
    }
    names = [*shown, *shown_bars]
    if not shown:
        return []
    step = max(1, len(names) ** 2 * len(rows) // WORK)
    table = np.stack([*shown.values(), *shown_bars.values()], axis=1)[::step]
    returns = targets.values[::step]
    returns = (returns - returns.mean(axis=0)) / np.maximum(returns.std(axis=0), 1e-300)
    limits = np.array([limit_of(int(h), targets.bars // step if h == 1 else targets.bars) for h in targets.horizons])
    found: list[Evidence] = []
    for form, shares in (("product", products(table, returns)), ("difference", differences(table, returns))):
        excess = shares / limits  # [columns, columns, T]
        strongest = excess.max(axis=2)
        for first in range(len(shown)):
            second = int(strongest[first].argmax())
            if strongest[first, second] <= 1 or any(
                {names[first], names[second]} & set(each.columns) for each in found
            ):
                continue
            target = int(excess[first, second].argmax())
            found.append(
                Evidence(
                    columns=(names[second], names[first]) if second < len(shown) else (names[first],),
                    form=f"their {form}" if second < len(shown) else f"its {form} with {names[second]}",
                    finding=f"explains {targets.names[target]}",
                    strength=float(shares[first, second, target]),
                    limit=float(limits[target]),
                )
            )
    return found


def products(table: Floats, returns: Floats) -> Floats:
    """R² of each of the `returns` [n, T] by the product of the ranks of each two columns of `table` [n, C]: [C, C, T]."""
    ranks = ranked(table)
    shares = np.zeros((table.shape[1], table.shape[1], returns.shape[1]))
    for column in range(table.shape[1]):
        product = ranks * ranks[:, column : column + 1]
        product -= product.mean(axis=0)
        product /= np.maximum(product.std(axis=0), 1e-12)
        shares[column] = (product.T @ returns / len(returns)) ** 2
        shares[column, column] = 0.0
    return shares


def differences(table: Floats, returns: Floats) -> Floats:
    """R² of each of the `returns` [n, T] by a linear model of each two columns of `table` [n, C], less that of the better
    one alone: [C, C, T]. From correlations, without fitting one."""
    standard = (table - table.mean(axis=0)) / np.maximum(table.std(axis=0), 1e-300)
    own = standard.T @ standard / len(table)
    with_returns = standard.T @ returns / len(table)  # [C, T]
    first, second = with_returns[:, None], with_returns[None, :]
    between = own[:, :, None]
    apart = np.maximum(1 - between**2, 1e-9)
    together = (first**2 + second**2 - 2 * first * second * between) / apart
    shares = together - np.maximum(first**2, second**2)
    shares[np.arange(len(own)), np.arange(len(own))] = 0.0
    return np.where(1 - between**2 < 1e-8, 0.0, shares)
