"""Regimes of equal shares of the training bars by volatility: the deviation of one bar's return as known at it.

Each bar is in one regime for sure. Regimes are in the order of rising volatility.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from progressive_market.bars import Bars
    from progressive_market.bars.bar_records import Floats

history = 1_320
"""Bars that the volatility looks back: the averages of its two windows, and one before them for the first return."""


def fit(bars: Bars, count: int) -> dict[str, Any]:
    """`borders` between the regimes: `count` - 1 quantiles of the volatility of the training `bars`."""
    from progressive_market.features.feature_table import volatility  # pandas is not imported to list what is installed

    shares = np.arange(1, count) / count
    return {"borders": np.quantile(volatility(bars), shares).tolist()}


def probabilities(bars: Bars, parameters: Mapping[str, Any]) -> Floats:
    """1 for the regime that each bar is in, 0 for the others [T, count]."""
    from progressive_market.features.feature_table import volatility

    borders = np.asarray(parameters["borders"], dtype=np.float64)
    if borders.ndim != 1 or not (np.isfinite(borders).all() and (np.diff(borders) >= 0).all()):
        raise ValueError("borders must be numbers that rise")
    regime = np.searchsorted(borders, volatility(bars), side="right")
    return np.eye(len(borders) + 1)[regime]
