"""Attacks on the path of the price: blocks in another order, a shock of volatility, drift reversed, other last digits.

Each makes bars, of which all features are made anew. What is slow to import is imported when it is needed: a listing imports attacks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from progressive_market.challenge.altered_bars import in_order, with_moves, with_other_digits

if TYPE_CHECKING:
    from torch import Tensor

    from progressive_market.challenge.subject import Subject

BLOCK = 480
"""Bars of a block of the bootstrap: what a strategy knows of the bars before one is wrong at each border."""
PATHS = 3
SHOCK = 2.0
"""Times the deviation of the returns."""


def bootstrap(subject: Subject) -> dict[str, tuple[Tensor, Tensor]]:
    """Growth on paths of blocks drawn from the part's bars [PATHS x N], and what the strategy grew by on each of these bars where it stands
    (circular block bootstrap, Politis and Romano 1992)."""
    import torch

    random, rows, count = subject.random(), subject.rows, len(subject.part)
    grown, own = [], []
    for _ in range(PATHS):
        starts = random.integers(0, count, -(-count // BLOCK))
        drawn = ((starts[:, None] + np.arange(BLOCK)) % count).reshape(-1)[:count]
        order = np.concatenate([np.arange(rows.start), rows.start + drawn])
        other = subject.remade(in_order(subject.bars.between(0, rows.stop), order, subject.market.ratios))
        grown.append(other.growth)
        own.append(subject.growth[torch.from_numpy(drawn).to(subject.growth.device)])
    return {"blocks in another order": (torch.cat(grown), torch.cat(own))}


def shock(subject: Subject) -> dict[str, Tensor]:
    """Growth [N] where noise makes the deviation of the returns twice what it is; drift and all other columns stay. The mean of two paths,
    whose noise is opposite: what is won on it by luck is lost again."""
    from progressive_market.features.feature_table import log_returns

    moves = log_returns(subject.bars)[subject.rows]
    noise = np.zeros(len(subject.bars))
    noise[subject.rows] = subject.random().standard_normal(len(moves)) * moves.std() * np.sqrt(SHOCK**2 - 1)
    return {"volatility doubled": (_moved(subject, noise) + _moved(subject, -noise)) / 2}


def reversed_drift(subject: Subject) -> dict[str, Tensor]:
    """Growth [N] where the market falls over the part as far as it rose, or the other way round."""
    from progressive_market.features.feature_table import log_returns

    drift = np.zeros(len(subject.bars))
    drift[subject.rows] = -2 * log_returns(subject.bars)[subject.rows].mean()
    return {"drift reversed": _moved(subject, drift)}


def digits(subject: Subject) -> dict[str, Tensor]:
    """Growth [N] with other last digits of all prices; what the fills cost stays apart from that."""
    return {"other last digits": subject.remade(with_other_digits(subject.bars, subject.random())).growth}


def _moved(subject: Subject, added: np.ndarray) -> Tensor:
    return subject.remade(with_moves(subject.bars, added, subject.market.ratios)).growth
