"""Which features show anything at all, asked of the training bars before a network has seen them.

A feature counts when one of its columns, or its product with another feature's column, goes with the next return. The
products find what matters in a certain context only, where the feature alone shows nothing. Returns of single bars do
not overlap, and of a slow signal a slow average sees enough; so one bar ahead tells of every horizon.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from progressive_training.market import Market

BLOCKS = 64
WORK = 2_500_000_000
"""Multiplications for all products of two columns: what bounds the bars looked at, and the cost to 0.05 s or so."""
TAIL = 5.0
"""Deviations beyond which a return counts no more."""
DOUBT = 20.0
"""How many times as many chances as there are are allowed for: one look in twenty finds something in pure noise."""
LEAST_SHARE = 0.05
"""Part of the importance that all features share, so that none is written off for good."""


def screened_importance(market: Market, train: slice) -> dict[str, float]:
    """Share of each feature [sums to 1] in what the training part shows.

    A feature that shows more than noise would has a share by how sure that is: 1 - (limit / t^2)^2, compare the garrote
    (Breiman 1995). The surer the best one is, the less is left for all to share: half evenly, half by their t.
    """
    strength = strengths(market, train)
    sure = (1 - strength.clamp(min=1e-9).pow(-2)).clamp(min=0)
    t = strength.sqrt()
    rest = t + t.mean() + 1e-9
    left = torch.where(sure.any(), (1 - sure.max()).clamp(min=LEAST_SHARE), 1.0)
    shares = torch.lerp(sure / sure.sum().clamp(min=1e-30), rest / rest.sum(), left)
    return dict(zip(market.names, shares.tolist(), strict=True))


def strengths(market: Market, train: slice) -> Tensor:
    """How plainly each feature [features] goes with the next return: t^2 over what noise alone reaches.

    The bars are cut into blocks, and the t of a sum over them rests on how much it differs from block to block, since
    slow columns beside slow trends make neighbours alike (Ibragimov and Mueller 2010). Where there are too many bars,
    the last of each block are looked at.
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
    """Return of each training bar's next fill [N] in deviations, demeaned; 0 where nothing may be decided."""
    kept = market.decidable[train]
    returns = (market.returns[train].float() / market.volatility[train]).clamp(-TAIL, TAIL) * kept
    return (returns - returns.sum() / kept.sum()) * kept


def over_noise(sums: Tensor, squares: Tensor, tests: int) -> Tensor:
    """t^2 from sums over all blocks and the sums of their squares, over what the best of so many tests in noise has."""
    explained = (sums.square() / squares.clamp(min=1e-30)).clamp(max=BLOCKS - 1e-3)
    return explained * (BLOCKS - 1) / (BLOCKS - explained) / (2 * math.log(DOUBT * tests))
