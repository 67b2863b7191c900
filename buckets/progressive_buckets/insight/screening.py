"""Feature screening: the relation of each feature to returns on the training bars, measured before any training.

A feature is relevant if one of its columns, or its product with a column of another feature, correlates with the next
return. Products find features that matter only in a certain context. Only the next bar's return is used, since returns of
single bars do not overlap; a slow signal shows there too, by a feature's slow average.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from progressive_training.market import Market

BLOCKS = 64
"""Blocks of bars from which the standard error of a correlation is estimated."""
WORK = 2_500_000_000
"""Limit on the multiplications for all products of two columns; it bounds the bars used, and the cost to about 0.05 s."""
TAIL = 5.0
"""Deviations at which a return is clipped."""
DOUBT = 20.0
"""Factor on the number of tests in the noise limit: in pure noise, one screening in 20 finds something."""
LEAST_SHARE = 0.05
"""Part of the importance that is shared among all features, so that no gate becomes 0."""


def screened_importance(market: Market, train: slice) -> dict[str, float]:
    """Importance of each feature on the training part, as shares that sum to 1.

    A feature above the noise limit gets a share in proportion to its certainty 1 - (limit / t^2)^2 (compare the garrote,
    Breiman 1995). The rest, less where the best feature is more certain, is shared by all: half evenly, half by their t.
    """
    strength = strengths(market, train)
    sure = (1 - strength.clamp(min=1e-9).pow(-2)).clamp(min=0)
    t = strength.sqrt()
    rest = t + t.mean() + 1e-9
    left = torch.where(sure.any(), (1 - sure.max()).clamp(min=LEAST_SHARE), 1.0)
    shares = torch.lerp(sure / sure.sum().clamp(min=1e-30), rest / rest.sum(), left)
    return dict(zip(market.names, shares.tolist(), strict=True))


def strengths(market: Market, train: slice) -> Tensor:
    """Strength of each feature's relation to the next return [features]: its t^2 over the noise limit.

    The t of a sum over bars is estimated from sums over blocks, because slow columns and slow trends make neighbouring
    bars dependent (Ibragimov and Mueller 2010). If there are too many bars, only the last ones of each block are used.
    """
    columns, features = market.features.shape[1], len(market.names)
    returns, rows_seen = scaled_returns(market, train), market.features[train]
    stretch = len(returns) // BLOCKS
    length = min(stretch, WORK // (columns * columns * BLOCKS))
    single, single_squares = returns.new_zeros(2, columns)
    double, double_squares = returns.new_zeros(2, columns, columns)
    for block in range(1, BLOCKS + 1):
        bars = slice(block * stretch - length, block * stretch)
        rows, came = rows_seen[bars], returns[bars]
        alone, together = came @ rows, rows.T @ (rows * came[:, None])
        single += alone
        single_squares += alone.square()
        double += together
        double_squares.addcmul_(together, together)
    alone = over_noise(single, single_squares, columns).view(features, -1).amax(dim=1)
    pairs = over_noise(double, double_squares, columns * (columns - 1) // 2)
    together = pairs.view(features, -1, features, columns // features).amax(dim=(1, 3))
    return torch.maximum(alone, together.fill_diagonal_(0.0).amax(dim=1))


def scaled_returns(market: Market, train: slice) -> Tensor:
    """Return of each training bar [N] from the next fill, in deviations, demeaned; 0 where the bar may not be decided on."""
    kept = market.decidable[train]
    returns = (market.returns[train].float() / market.volatility[train]).clamp(-TAIL, TAIL) * kept
    return (returns - returns.sum() / kept.sum()) * kept


def over_noise(sums: Tensor, squares: Tensor, tests: int) -> Tensor:
    """t^2 over the noise limit, the t^2 that the best of `tests` reaches in noise.

    :param sums: sum over blocks of each statistic. :param squares: sum over blocks of its squares; same shape.
    """
    explained = (sums.square() / squares.clamp(min=1e-30)).clamp(max=BLOCKS - 1e-3)
    return explained * (BLOCKS - 1) / (BLOCKS - explained) / (2 * math.log(DOUBT * tests))
