"""Baselines to compare a model with: flat, buy and hold, a slow breakout, ridge regression with a no-trade band, the same
positions shifted in time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from attrs import frozen

from progressive_market.fixed_order import running_sum
from progressive_market.judging.breakout import breakout, breakout_name
from progressive_market.judging.performance import measure
from progressive_market.policy import FLAT, cost_matrix, positions_of
from progressive_training import PerformanceKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from progressive_market.market import Market, Part
    from progressive_training import Performance

HORIZONS = (1, 6, 24, 96)
"""Bars ahead that a ridge regression may predict; the best is chosen on validation, as are penalty and scale."""
PENALTIES = (1e2, 1e3, 1e4)
SCALES = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
ROWS_AT_ONCE = 65_536


@frozen
class Ridge:
    """Ridge regression with a no-trade band: it trades only where the predicted gain exceeds the cost of the trade.

    `weights` [columns] float64 predict the log gain of a long position from the features of a bar.
    """

    weights: Tensor

    def positions(self, part: Part, market: Market, start: int = FLAT) -> Tensor:
        """Signed positions [N] on the bars of `part`, from the position `start`."""
        return banded(gains(part, self.weights), part, market, start)


def gains(part: Part, weights: Tensor) -> Tensor:
    """Predictions by `weights` [columns, ...] on each bar [N, ...] float32."""
    return torch.cat([(rows.double() @ weights).float() for rows in part.features.split(ROWS_AT_ONCE)])


def banded(gain: Tensor, part: Part, market: Market, start: int = FLAT) -> Tensor:
    """Signed positions [N] that follow from a predicted log gain of a long position, `gain` [N], after costs."""
    costs = cost_matrix(market.costs.table(), market.device, market.costs.allowed)
    return positions_of(torch.stack([gain, -gain]).T, part.decidable, costs, part.absent, start)


def fit_ridge(market: Market, train: slice, validation: Part) -> Ridge:
    """Fit on the training part; horizon, penalty, and scale of the prediction are the best on validation.

    All candidates share one Gram matrix, built in chunks. Returns are demeaned, as in the learner's rewards. Where no
    candidate has a positive return on validation, all weights are 0 and the baseline stays flat.
    """
    kept = market.decidable[train].double()
    centred = torch.log1p(market.returns[train])  # [T] log returns, demeaned over the bars that may be decided on
    centred -= (centred * kept).sum() / kept.sum()
    centred *= kept
    total = torch.cat([torch.zeros_like(centred[:1]), running_sum(centred)])  # [T + 1] sums before each bar
    columns = market.features.shape[1]
    gram = torch.zeros(columns, columns, dtype=torch.float64, device=market.device)
    cross = torch.zeros(columns, len(HORIZONS), dtype=torch.float64, device=market.device)
    for start in range(0, len(centred), ROWS_AT_ONCE):
        bars = torch.arange(start, min(start + ROWS_AT_ONCE, len(centred)), device=market.device)
        ahead = [total[(bars + horizon).clamp(max=len(centred))] - total[bars] for horizon in HORIZONS]
        rows = market.features[train][start : start + len(bars)].double()
        gram += rows.T @ rows
        cross += rows.T @ (torch.stack(ahead, dim=1) * kept[start : start + len(bars), None])  # [columns, horizons]
    best = Ridge(torch.zeros(columns, dtype=torch.float64, device=market.device))
    best_score, entering = 0.0, market.costs.table()[1]
    for penalty in PENALTIES:
        solved = torch.linalg.solve(gram + penalty * torch.eye(columns, dtype=gram.dtype, device=gram.device), cross)
        predicted = gains(validation, solved)  # [N, horizons]
        largest = predicted.abs().amax(dim=0)
        for h in range(len(HORIZONS)):
            for scale in SCALES:
                if not largest[h] * scale > entering:  # it never trades, and earns nothing
                    continue
                positions = banded(predicted[:, h] * scale, validation, market)
                score = float(market.growth(positions, validation).sum())
                if score > best_score:
                    best, best_score = Ridge(solved[:, h] * scale), score
    return best


@frozen
class Strategy:
    """What is compared on one part: signed positions `held` [N] on its bars, as `part` lets them be decided on."""

    label: str
    kind: PerformanceKind
    held: Tensor
    part: Part


def strategies(name: str, traded: Tensor, part: Part, market: Market, ridged: Tensor) -> Iterator[Strategy]:
    """The model's strategy on one part, then each baseline on the same bars.

    :param name: label of the model. :param traded: [N] the signed positions of its strategy, whether or not it may trade.
    :param ridged: [N] those of ridge regression.
    """
    yield Strategy(name, PerformanceKind.MODEL, traded, part)
    yield Strategy("flat", PerformanceKind.FLAT, torch.zeros_like(traded), part)
    yield Strategy("buy and hold", PerformanceKind.BASELINE, torch.ones_like(traded), market.unbroken(part))
    yield Strategy(breakout_name(market), PerformanceKind.BASELINE, breakout(part, market), part)
    yield Strategy("ridge with no-trade band", PerformanceKind.BASELINE, ridged, part)
    yield Strategy("same positions shifted", PerformanceKind.BASELINE, traded.roll(len(traded) // 2), part)


def with_baselines(name: str, traded: Tensor, part: Part, market: Market, ridge: Ridge) -> tuple[Performance, ...]:
    """Performance of the model's strategy on one part, then of each baseline on the same bars at the same costs.

    :param name: of the bucket, as the first row is called. :param traded: [N] signed positions of the strategy on `part`.
    :param ridge: fitted by `fit_ridge` on the training part.
    """
    return tuple(
        measure(each.label, each.held, each.part, market, each.kind)
        for each in strategies(name, traded, part, market, ridge.positions(part, market))
    )
