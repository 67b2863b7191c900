"""Doubts a result that honest columns cannot give: the leak check asks single columns and pairs, this asks what was earned.

What a leak earns differs from an honest edge in three ways. It is large against the deviation of the bars. One column or two
carry it: without them nothing is left. And it comes out of nowhere: an honest column that shows a drift shows it while the
drift goes on, so the price has moved that way before, too; a column that knows later bars is right from the first one on.

A threshold on t would not do: honest one-minute bars without a fee have 8 to 10, planted markets up to 9.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from attrs import evolve, frozen

from progressive_market.bars.leaks.clock import follows_the_clock
from progressive_market.features.feature_table import BUILT_IN
from progressive_market.fixed_order import running_sum
from progressive_market.judging.block_statistics import t_statistic
from progressive_market.judging.verdict import Doubt
from progressive_training.presentation import share_text

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from torch import Tensor

    from progressive_market.market import Market, Part

    Policy = Callable[[Part], Tensor]

LEAST_T = 5.0  # of the growth before costs: less may be luck
FAST = 0.07
SLOW, SLOW_TRADE = 0.05, 0.45
"""Least edge that is doubted: what a bar in the market earns that the price did not show before, in deviations of a bar's
return (`FAST`); less (`SLOW`) where it adds up over a trade to `SLOW_TRADE` deviations of the return over its bars.

Measured, edge by bar and by trade: planted markets, easy, hard and slow one-minute drift, -0.02 to 0.02 and up to 0.34; real
one-minute bars without a fee 0.01 and 0.02; a return of the next 96 bars that is correlated 0.45 with the truth 0.08 and
0.6; the next fill's return with 0.3, 0.2 and 0.3.
"""
LEFT = (
    0.25  # share of the edge that is left without the columns that carry a leak, at most; 0.3 to 1 on planted markets
)
CARRIERS = 2


@frozen
class TradeEdge:
    """What the positions of a policy earned before costs and beyond the drift, in deviations of a bar's return.

    `bar`: by bar in the market. `shown`: what the same bars would have earned with the returns of as many bars before as a
    trade is long, by bar. `length`: mean bars of a trade. `t`: of the growth. `total`: over all bars.
    """

    total: float
    bar: float
    shown: float
    length: float
    t: float

    @property
    def unannounced(self) -> float:
        """What a bar earned that the price had not shown, in deviations of its return."""
        return self.bar - abs(self.shown)

    @property
    def trade(self) -> float:
        """The same of a trade, in deviations of the return over its bars."""
        return self.unannounced * math.sqrt(self.length)


def implausible(policy: Policy, market: Market, parts: Sequence[Part], allowed: Collection[str] = ()) -> Doubt | None:
    """Why what `policy` earned on the `parts` cannot be honest, and which columns carry it; None where it can be.

    :param policy: signed positions [N] on a part. :param allowed: columns that may know the future, on the user's word: a result
        that one of them carries is not doubted.
    """
    edge = edge_of([policy(part) for part in parts], parts)
    if not (
        edge.t >= LEAST_T and (edge.unannounced >= FAST or min(edge.unannounced / SLOW, edge.trade / SLOW_TRADE) >= 1)
    ):
        return None
    suspects = _suspects(market, parts[0])
    carriers: list[str] = []
    left = 1.0  # share of the edge
    while suspects and len(carriers) < CARRIERS and left > LEFT:
        tried = {name: _earned_without(policy, market, parts, [*carriers, name]) / edge.total for name in suspects}
        worst = min(tried, key=lambda name: tried[name])
        left = tried[worst]
        carriers.append(worst)
        suspects.remove(worst)
    if left > LEFT or set(carriers) & set(allowed):
        return None
    return Doubt(
        f"{' and '.join(carriers)}; a bar in the market earned {edge.unannounced:.2f} deviations of its return that the price "
        f"had not shown before, and without {'these columns' if len(carriers) > 1 else 'this column'} {share_text(max(left, 0))} of "
        f"the result is left",
        tuple(carriers),
    )


def edge_of(positions: Sequence[Tensor], parts: Sequence[Part]) -> TradeEdge:
    """The edge of the signed `positions` [N] on each of the `parts`, together."""
    held = [position.double() * part.decidable for position, part in zip(positions, parts, strict=True)]
    bars = sum(float(each.abs().sum()) for each in held)
    trades = sum(float((torch.diff(each, prepend=each[:1] * 0).ne(0) & each.ne(0)).sum()) for each in held)
    moves = [torch.log1p(part.returns) for part in parts]
    known = torch.cat([move[part.decidable] for move, part in zip(moves, parts, strict=True)])
    deviation = float(known.std()) if len(known) > 1 else 0.0
    if not (bars and deviation > 0):
        return TradeEdge(0.0, 0.0, 0.0, 0.0, 0.0)
    length = bars / trades
    drift, window = float(known.mean()), max(1, round(length))
    growth = [each * (move - drift) for each, move in zip(held, moves, strict=True)]
    shown = sum(float((each * _past(move - drift, window)).sum()) for each, move in zip(held, moves, strict=True))
    total = float(torch.cat(growth).sum()) / deviation
    return TradeEdge(
        total=total,
        bar=total / bars,
        shown=shown / bars / deviation,
        length=length,
        t=t_statistic(torch.cat(growth)),
    )


def _past(moves: Tensor, window: int) -> Tensor:
    """Mean of the `window` moves that are known at each bar [N]: the last one runs to this bar's open, two places back."""
    total = torch.cat([moves.new_zeros(1), running_sum(moves)])
    stop = (torch.arange(len(moves), device=moves.device) - 1).clamp(min=0)
    return (total[stop] - total[(stop - window).clamp(min=0)]) / window


def _suspects(market: Market, part: Part) -> list[str]:
    """The columns that may know the future: those that are not computed from the bars here, and not known long before, as
    the hour is."""
    scales = market.features.shape[1] // len(market.names)
    suspects = []
    for number, name in enumerate(market.names):
        values = part.features[:, number * scales].cpu().numpy()
        if name not in BUILT_IN and not follows_the_clock(np.asarray(part.times), values):
            suspects.append(name)
    return suspects


def _earned_without(policy: Policy, market: Market, parts: Sequence[Part], names: Sequence[str]) -> float:
    """The total edge when the features of the columns `names` are at their mean in training."""
    scales = market.features.shape[1] // len(market.names)
    blind = []
    for part in parts:
        features = part.features.clone()
        for name in names:
            first = market.names.index(name) * scales
            features[:, first : first + scales] = 0.0
        blind.append(evolve(part, features=features))
    return edge_of([policy(part) for part in blind], blind).total
