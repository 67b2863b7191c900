"""Which features matter, and which horizons can be predicted: what this learner can tell another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from progressive_buckets.market.fills import log_growth
from progressive_buckets.market.policy import positions_of

if TYPE_CHECKING:
    from torch import Tensor

    from progressive_buckets.learner.critic import Critic
    from progressive_buckets.market.market import Part

MOST_ROWS = 20_000
LEAST_SHARE = 0.1
"""Part of the importance that all features share evenly, so that none is written off for good."""


@torch.no_grad()
def feature_importance(critic: Critic, part: Part) -> dict[str, float]:
    """Share of each feature [sums to 1]: how much profit is lost when its columns are taken from another time.

    Permutation importance (Breiman 2001) with a shift by half the part for the permutation: it keeps each feature's
    own dynamics and draws no randomness. Half comes from the profit, half from how far the advantages move.
    """
    market, scales = critic.market, critic.target.shape.scales
    features = part.features[-MOST_ROWS:]
    returns, decidable = part.returns[-MOST_ROWS:], part.decidable[-MOST_ROWS:]
    advantage = critic.advantages(features)

    def profit(values: Tensor) -> Tensor:
        return log_growth(positions_of(values, decidable, critic.costs), returns, decidable, market.costs).sum()

    base, lost, moved = profit(advantage), [], []
    shifted = features.clone()
    for f in range(len(market.names)):
        columns = slice(f * scales, (f + 1) * scales)
        shifted[:, columns] = features[:, columns].roll(len(features) // 2, dims=0)
        changed = critic.advantages(shifted)
        shifted[:, columns] = features[:, columns]
        lost.append(base - profit(changed))
        moved.append((changed - advantage).square().mean())
    shares = 0.5 * _shares(torch.stack(lost).float().clamp(min=0)) + 0.5 * _shares(torch.stack(moved))
    even = torch.full_like(shares, 1 / len(shares))
    return dict(zip(market.names, torch.lerp(shares, even, LEAST_SHARE).tolist(), strict=True))


def _shares(values: Tensor) -> Tensor:
    total = values.sum()
    return torch.where(total > 0, values / total.clamp(min=1e-30), 1 / len(values))


@torch.no_grad()
def horizon_skill(critic: Critic, part: Part) -> dict[int, float]:
    """Correlation of each horizon's prediction with what came, on one part."""
    bars = part.start + torch.nonzero(part.decidable).flatten()
    bars = bars[:: max(1, len(bars) // MOST_ROWS)]
    predicted = critic.target.predictions(critic.market.features[bars])  # [N, horizons]
    skill = {}
    for h, horizon in enumerate(critic.target.shape.horizons):
        outcome, exists = critic.market.outcome(bars, horizon)
        exists = exists & (bars + horizon + 1 < part.start + len(part))
        skill[horizon] = correlation(predicted[exists, h], outcome[exists])
    return skill


def correlation(left: Tensor, right: Tensor) -> float:
    """Pearson correlation of two [N], 0 where one of them does not vary."""
    if len(left) < 3:
        return 0.0
    left, right = left.double() - left.double().mean(), right.double() - right.double().mean()
    scale = float(left.norm() * right.norm())
    return float(left @ right) / scale if scale > 1e-12 else 0.0
