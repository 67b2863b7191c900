"""How much of a result is the market's drift: alpha and beta to buy and hold (Jensen 1968)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from progressive_market.judging.block_statistics import t_statistic

if TYPE_CHECKING:
    from torch import Tensor

ROUNDING = 1e-20
"""Of the squares of growth: what is left of them beyond buy and hold is then nothing but rounding."""


@frozen
class Exposure:
    """Of the regression growth = alpha + beta * growth of buy and hold + rest: `beta`, `alpha` (log growth a bar), and its `t`."""

    beta: float
    alpha: float
    t: float


def exposure(growth: Tensor, hold: Tensor) -> Exposure:
    """Regress log growth per bar [N] on that of buy and hold on the same bars [N].

    The t of alpha is that of the growth less beta times that of buy and hold, by batch means as every other t. The error of
    beta is left out: it adds a share of t squared of buy and hold over the number of bars. What only holds has no alpha, t 0.
    """
    centred = hold - hold.mean()
    spread = float(centred.square().sum())
    beta = float((centred * growth).sum()) / spread if spread > 0 else 0.0
    own = growth - beta * hold
    if float(own.square().sum()) <= ROUNDING * float(growth.square().sum()):
        return Exposure(beta, 0.0, 0.0)
    return Exposure(beta, float(own.mean()), t_statistic(own))
