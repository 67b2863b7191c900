"""t-statistic and standard error of log growth, by batch means."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

BLOCKS = 64


def t_statistic(growth: Tensor) -> float:
    """t-statistic of the mean log growth per bar [N], by batch means: from the sums of 64 blocks of equal length.

    Unlike an error from single bars, it is right for bars that depend on each other within a block, as those of a long
    trade do. Bars after the last full block (63 at most) are left out. 0 where the growth does not vary.
    """
    sums = block_sums(growth)
    deviation = float(sums.std()) if len(sums) > 1 else 0.0
    return float(sums.mean()) / (deviation / math.sqrt(len(sums))) if deviation > 0 else 0.0


def standard_error(growth: Tensor) -> float:
    """Standard error of the sum of log growth per bar [N], from the same blocks; NaN for fewer than two bars."""
    sums = block_sums(growth)
    return float(sums.std()) * math.sqrt(len(sums)) if len(sums) > 1 else math.nan


def block_sums(growth: Tensor) -> Tensor:
    """Sums of log growth [N] over blocks of equal length [64, or N if that is less]."""
    count = min(BLOCKS, len(growth))
    length = len(growth) // max(count, 1)
    return growth[: count * length].view(count, length).sum(dim=1)
