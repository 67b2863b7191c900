"""The Sharpe ratio of daily returns, and how sure it is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

DAY = 24 * 3600 * 10**9
DAYS_A_YEAR = 365.25
FEWEST_DAYS = 5
"""With fewer, a deviation says nothing."""
ROUNDING = 1e-12
"""Deviation of a day's return that is nothing but rounding."""


def daily_returns(growth: Tensor, times: NDArray[np.int64]) -> NDArray[Any]:
    """Simple return of each UTC day [D] from the log growth of bars [N] at `times` [N]; 0 on a day without bars."""
    day = times // DAY
    return np.expm1(np.bincount(day - day[0], weights=growth.cpu().numpy()))


def sharpe_ratio(returns: NDArray[Any]) -> tuple[float, float]:
    """The Sharpe ratio of daily `returns` [D] a year, without a riskless rate, and its standard error.

    The error is that of Lo (2002) for independent days, with skew and kurtosis by Mertens (2002): a ratio S of single days
    over D of them has the variance (1 - skew S + (kurtosis - 1) / 4 S^2) / D.

    :return: both 0 where nothing varies, both NaN for fewer than `FEWEST_DAYS`.
    """
    deviation = float(returns.std(ddof=1)) if len(returns) > 1 else 0.0
    if not returns.any():
        return 0.0, 0.0
    if len(returns) < FEWEST_DAYS or deviation < ROUNDING:
        return math.nan, math.nan
    ratio = float(returns.mean()) / deviation
    z = (returns - returns.mean()) / returns.std()
    skew, kurtosis = float((z**3).mean()), float((z**4).mean())
    variance = max(0.0, 1 - skew * ratio + (kurtosis - 1) / 4 * ratio**2) / len(returns)
    return ratio * math.sqrt(DAYS_A_YEAR), math.sqrt(variance * DAYS_A_YEAR)
