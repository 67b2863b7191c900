"""Is there an edge? Asked of validation bars that had no say in which weights were kept.

The best of many episodes looks good on the bars that chose it, even where there is nothing to learn: on a driftless
random walk one bucket in ten reached a t of 2.5 that way (seen by us). So the choice is made twice more, once by each
half of the validation part, and judged on the other half (cross-fitting; compare the probability of backtest
overfitting, Bailey, Borwein, Lopez de Prado and Zhu 2014). What is kept for trading is chosen by all of it.
"""

from __future__ import annotations

import math

import torch

from progressive_buckets.market.performance import t_statistic

BLOCKS = 16
"""Alternate stretches of the validation part make its halves: long enough that few trades lie in two of them."""


class Edge:
    """Growth [2, N] of the weights that each half of the N validation bars would keep, and its `score` [2] there.

    `cap` is the t of a model that training went on from, which later choices cannot better.
    """

    def __init__(self, bars: int, device: torch.device) -> None:
        self.growth = torch.zeros(2, bars, dtype=torch.float64, device=device)
        self.score = torch.full((2,), -math.inf, dtype=torch.float64, device=device)
        self.cap = math.inf
        half = torch.arange(bars, device=device) * BLOCKS // bars % 2
        self.halves = torch.stack([half == 0, half == 1])  # [2, N]

    def consider(self, growth: torch.Tensor) -> None:
        """Let each half keep `growth` [N] of new weights if none did better on it; of equal ones, the latest."""
        score = (growth * self.halves).sum(dim=1)  # [2]
        better = score >= self.score
        self.score = torch.where(better, score, self.score)
        self.growth = torch.where(better[:, None], growth, self.growth)

    def t(self) -> float:
        """t of the growth on each half under the weights that the other half would keep."""
        return min(self.cap, t_statistic(torch.where(self.halves[0], self.growth[1], self.growth[0])))
