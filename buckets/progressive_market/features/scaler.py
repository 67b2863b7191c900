"""Standardises feature columns with mean and deviation of the training part only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from attrs import frozen

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST = float(np.finfo(np.float32).eps)
"""Least deviation of a column, as a share of its mean: less is rounding."""
ROWS_AT_ONCE = 65_536


@frozen
class Scaler:
    """`mean` and `deviation` of each feature column [columns], float64."""

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    LIMIT: ClassVar[float] = 5.0
    """Deviations to which columns are clipped."""

    @classmethod
    def fit(cls, table: NDArray[np.float32]) -> Scaler:
        """Fit on the training rows [rows, columns]; NaN is ignored.

        A constant column gets deviation 1, a column without values mean 0 and deviation 1.
        """
        count, total, squares = (np.zeros(table.shape[1]) for _ in range(3))
        for start in range(0, len(table), ROWS_AT_ONCE):
            rows = table[start : start + ROWS_AT_ONCE]
            known = np.count_nonzero(~np.isnan(rows), axis=0)
            total += _sum(rows, complete=known.min() == len(rows))
            count += known
        complete = count.min() == len(table)
        count = np.maximum(count, 1)
        mean = total / count
        for start in range(0, len(table), ROWS_AT_ONCE):
            away = table[start : start + ROWS_AT_ONCE] - mean
            squares += _sum(np.square(away, out=away), complete=complete)
        deviation = np.sqrt(squares / count)
        varies = deviation > np.maximum(LEAST * np.abs(mean), np.finfo(np.float32).tiny)
        return cls(mean, np.where(varies, deviation, 1.0))

    def apply(self, table: NDArray[np.float32]) -> NDArray[np.float32]:
        """Standardise `table` in place and clip it to five deviations; NaN becomes 0, the mean."""
        for start in range(0, len(table), ROWS_AT_ONCE):
            rows = table[start : start + ROWS_AT_ONCE]
            rows -= self.mean.astype(np.float32)
            rows /= self.deviation.astype(np.float32)
            np.clip(rows, -self.LIMIT, self.LIMIT, out=rows)
            rows[np.isnan(rows)] = 0.0
        return table


def _sum(rows: NDArray[np.floating[Any]], *, complete: bool) -> NDArray[np.float64]:
    """The sum of each column; where not all of them are `complete`, of what is not NaN, for which numpy makes copies."""
    summed: NDArray[np.float64] = (np.sum if complete else np.nansum)(rows, axis=0, dtype=np.float64)
    return summed
