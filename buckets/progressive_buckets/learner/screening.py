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

    from progressive_buckets.market.market import Market

BLOCKS = 64
WORK = 4_000_000_000
"""Multiplications for all products of two columns: what bounds the bars looked at, and the cost to 0.1 s or so."""
TAIL = 5.0
"""Deviations beyond which a return counts no more."""
DOUBT = 20.0
"""How many times as many chances as there are are allowed for: one look in twenty finds something in pure noise."""
LEAST_SHARE = 0.05
"""Part of the importance that all features share evenly, so that none is written off for good."""


@torch.no_grad()
def screened_importance(market: Market, train: slice) -> dict[str, float]:
    """Share of each feature [sums to 1] in what the training part shows; even where it shows nothing.

    The surer the best of the features is, the less the others keep.
    """
    shown = evidence(market, train)
    even = torch.full_like(shown, 1 / len(shown))
    sure = shown.max().clamp(max=1 - LEAST_SHARE)
    shares = torch.lerp(even, shown / shown.sum().clamp(min=1e-30), sure)
    return dict(zip(market.names, shares.tolist(), strict=True))


def evidence(market: Market, train: slice) -> Tensor:
    """How surely each feature [features] goes with the next return, 0 not at all to 1.

    The bars are cut into blocks and the t of a sum over them rests on how much it differs from block to block, since
    slow columns beside slow trends make neighbours alike (Ibragimov and Mueller 2010). Where there are too many bars,
    the last of each block are looked at.
    """
    columns, features = market.features.shape[1], len(market.names)
    returns = scaled_returns(market, train)
    stretch = len(returns) // BLOCKS
    rows = min(stretch, WORK // (columns * columns * BLOCKS))
    single, single_squares = returns.new_zeros(2, columns)
    double, double_squares = returns.new_zeros(2, columns, columns)
    for block in range(1, BLOCKS + 1):
        bars = slice(block * stretch - rows, block * stretch)
        seen, came = market.features[train][bars], returns[bars]
        alone, together = came @ seen, (seen * came[:, None]).T @ seen
        single += alone
        single_squares += alone.square()
        double += together
        double_squares.addcmul_(together, together)
    alone = certainty(single, single_squares, columns).view(features, -1).amax(dim=1)
    pairs = certainty(double, double_squares, columns * (columns - 1) // 2).view(
        features, -1, features, columns // features
    )
    return torch.maximum(alone, pairs.amax(dim=(1, 3)).fill_diagonal_(0.0).amax(dim=1))


def scaled_returns(market: Market, train: slice) -> Tensor:
    """Return of each training bar's next fill [N] in deviations, demeaned; 0 where nothing may be decided."""
    kept = market.decidable[train]
    returns = (market.returns[train].float() / market.volatility[train]).clamp(-TAIL, TAIL) * kept
    return (returns - returns.sum() / kept.sum()) * kept


def certainty(sums: Tensor, squares: Tensor, tests: int) -> Tensor:
    """From the sums over all blocks and the sums of their squares to 1 - (limit / t^2)^2, or 0.

    t^2 of the best of so many tests stays below `limit` in pure noise. Compare the garrote (Breiman 1995).
    """
    explained = (sums.square() / squares.clamp(min=1e-30)).clamp(max=BLOCKS - 1e-3)
    t_squared = explained * (BLOCKS - 1) / (BLOCKS - explained)
    limit = 2 * math.log(DOUBT * tests)
    return (1 - (limit / t_squared.clamp(min=1e-9)).square()).clamp(min=0)
