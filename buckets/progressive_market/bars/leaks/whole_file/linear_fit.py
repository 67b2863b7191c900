"""How well a column is a linear function of others, and when it counts as an exact one."""

from __future__ import annotations

import numpy as np

from progressive_market.bars.bar_records import Floats

LINEAR = 1 - 1e-6  # R² of an exact linear function
ROWS = 20_000  # that are compared
NEAR = 2e-3  # how near to 0 and 1 the statistics of such a function are: rows may have been dropped since


def explained(values: Floats, by: list[Floats]) -> float:
    """R² of a linear model."""
    table = np.stack([np.ones(len(values)), *((each - each.mean()) / max(each.std(), 1e-300) for each in by)], axis=1)
    spread = float(values.var())
    left = values - table @ np.linalg.lstsq(table, values, rcond=None)[0]
    return 1 - float((left**2).mean()) / spread if spread > 0 else 0.0
