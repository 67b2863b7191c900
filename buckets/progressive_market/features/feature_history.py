"""How many bars a feature needs: on a window of so many its last row is the same as on all bars before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from progressive_market.features.averages import age_in_segment

if TYPE_CHECKING:
    from progressive_market.bars.bar_records import Bars, Floats

    Columns = Mapping[str, Floats]

MOST = 20_000
"""Bars that a feature may need. One that needs more looks at where the bars begin, and says something else in use."""
FEW = 1_000
"""Bars before which it is not decided whether a feature needs more than there are."""
ENDS = 12
"""Windows that are compared, as each may agree by luck."""
SAME = 1e-9
"""Difference that counts as none, as a share of a column's deviation."""
PRECISION = 1.1
"""Ratio to which the number is found."""


def bars_needed(columns_of: Callable[[Bars], Columns], bars: Bars, columns: Columns, windows: int = ENDS) -> int | None:
    """The least number of bars, about, on which `columns_of` gives the last row of `columns`; None where it is above `MOST`, or all
    that there are.

    :param columns: what it gives on all `bars`. :param windows: how many are compared, more where few values are told apart.
    """
    ends = _ends(bars, windows)
    deviation = {
        name: float(np.nanstd(values)) if np.isfinite(values).any() else 0.0 for name, values in columns.items()
    }

    def suffices(count: int) -> bool:
        for end in ends:
            seen = columns_of(bars.between(end - count, end))
            if seen.keys() != columns.keys() or any(
                not np.isclose(seen[name][-1], values[end - 1], rtol=SAME, atol=SAME * deviation[name], equal_nan=True)
                for name, values in columns.items()
            ):
                return False
        return True

    limit = min(MOST, int(ends.min()) - 1)  # at least one bar is left out, or nothing is compared
    low, high = 0, 1
    while not suffices(high):
        if high == limit:
            return None if limit >= FEW else limit
        low, high = high, min(2 * high, limit)
    while high > low + 1 and high > PRECISION * low:
        middle = (low + high) // 2
        low, high = (low, middle) if suffices(middle) else (middle, high)
    return high


def _ends(bars: Bars, windows: int) -> np.ndarray:
    """The ends (exclusive) of the windows: bars in the second half of the file that are far from the last gap before them."""
    half = len(bars) // 2
    oldest = half + np.argsort(-age_in_segment(bars.segment)[half:], kind="stable")[: len(bars) // 4 + 1]
    return np.unique(np.sort(oldest)[np.linspace(0, len(oldest) - 1, windows).astype(int)] + 1)
