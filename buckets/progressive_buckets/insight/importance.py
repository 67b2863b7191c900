"""Importance of each feature and skill at each horizon: knowledge that a transfer can bring to another learner.

Features are judged twice: by their relation to returns on the training bars (`screening`), and by how strongly the
network's advantages depend on them (here).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from attrs import frozen

from progressive_buckets.insight.screening import LEAST_SHARE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from progressive_buckets.learner.critic import Critic
    from progressive_buckets.learner.network import Network
    from progressive_training.market import Market, Part

SHIFTED_BARS = 64
"""Bars on which each feature is shifted. Twice as many, or a thousand, rank the features no better (measured)."""
FEATURES_AT_ONCE = 16
"""Features that are shifted in one pass of the network."""
PREDICTED_BARS = 4_096
"""Bars on which horizon predictions are compared with outcomes."""


@frozen
class Measured:
    """Importance of each feature by two methods, as shares that sum to 1, and the skill at each horizon.

    `screened`: by the training bars. `permuted`: by the network, on validation bars. `horizons`: see `horizon_skill`.
    """

    screened: Mapping[str, float]
    permuted: Mapping[str, float]
    horizons: Mapping[int, float]

    @property
    def importance(self) -> dict[str, float]:
        """Both methods combined, as shares that sum to 1: their mean for each feature that the network uses.

        For a feature whose permuted share is below the even share 1 / features, that share is replaced by the screened
        one, at most the even share: below it the network's use of noise is luck, and larger than that of a weak signal.
        """
        even = 1 / max(1, len(self.screened))
        combined = {
            name: share + (self.permuted[name] if self.permuted[name] > even else min(share, even))
            for name, share in self.screened.items()
        }
        total = sum(combined.values())
        return {name: share / total for name, share in combined.items()}

    @property
    def agreement(self) -> float:
        """Rank correlation of the two methods (Spearman), -1 to 1.

        Shares below the even one are raised to it, since the order among unimportant features is luck.
        """
        both = torch.tensor([list(self.screened.values()), list(self.permuted.values())])
        ranks = [ranked(shares.clamp(min=float(shares.mean()))) for shares in both]
        return correlation(*ranks)


def judge_inputs(critic: Critic, part: Part, screened: Mapping[str, float]) -> Measured:
    """Measure features and horizons with the network on one part; `screened` is the importance by the training bars."""
    skill = horizon_skill(critic.target, critic.market, critic.horizons, part)
    return Measured(screened, permuted_importance(critic, part, otherwise=screened), skill)


def permuted_importance(critic: Critic, part: Part, otherwise: Mapping[str, float]) -> Mapping[str, float]:
    """Share of each feature, summing to 1: mean squared change of the advantages when its columns are shifted in time.

    Jansen's estimate (1999) of a feature's total effect (Sobol index). In place of a random permutation the rows are
    shifted by half the part, which keeps each feature's own dynamics and needs no random numbers.

    :param otherwise: returned where no feature changes the advantages, as in an untrained network.
    """
    names, scales = critic.market.names, critic.target.shape.scales
    rows = part.features[decidable_bars(part, SHIFTED_BARS)]
    usual, other = critic.advantages(rows), rows.roll(len(rows) // 2, dims=0)
    moved = []
    for some in torch.arange(len(names)).split(FEATURES_AT_ONCE):
        shifted = rows.repeat(len(some), 1, 1)  # [some, N, columns]
        for place, f in enumerate(some.tolist()):
            columns = slice(f * scales, (f + 1) * scales)
            shifted[place, :, columns] = other[:, columns]
        changed = critic.advantages(shifted.flatten(0, 1)).view(len(some), len(rows), -1)
        moved.append((changed - usual).square().mean(dim=(1, 2)))
    effects = torch.cat(moved)
    total = float(effects.sum())
    if not (math.isfinite(total) and total > 0):
        return otherwise
    shares = torch.lerp(effects / total, torch.full_like(effects, 1 / len(effects)), LEAST_SHARE)
    return dict(zip(names, shares.tolist(), strict=True))


def horizon_skill(network: Network, market: Market, horizons: Tensor, part: Part) -> dict[int, float]:
    """Skill by horizon: correlation of prediction and outcome on one part, less its standard error, at least 0.

    Outcomes over h bars overlap, so the standard error counts N / h independent ones among N bars.

    :param horizons: those that the network predicts [H], in bars. :param part: of `market`.
    """
    places = decidable_bars(part, PREDICTED_BARS)
    predicted = network.predictions(part.features[places])  # [N, horizons]
    outcomes, exist = market.outcomes(part.bars[places], horizons)
    skill = {}
    for h, horizon in enumerate(network.shape.horizons):
        exists = exist[h] & part.reaches(places, horizon + 1)
        shown = correlation(predicted[exists, h], outcomes[h, exists])
        apart = max(1.0, min(int(exists.sum()), len(part) / horizon))
        skill[horizon] = max(0.0, shown - (1 - shown * shown) / math.sqrt(apart))
    return skill


def decidable_bars(part: Part, most: int) -> Tensor:
    """Positions in `part` [N] of bars that may be decided on, evenly thinned to at most `most`."""
    places = torch.nonzero(part.decidable).flatten()
    return places[:: max(1, math.ceil(len(places) / most))]


def ranked(values: Tensor) -> Tensor:
    """Rank of each of `values` [N], from 0; equal values get their mean rank."""
    below = (values[None, :] < values[:, None]).sum(dim=1)
    equal = (values[None, :] == values[:, None]).sum(dim=1)
    return below + (equal - 1) / 2


def correlation(left: Tensor, right: Tensor) -> float:
    """Pearson correlation of `left` and `right` [N]; 0 if one is constant or N < 3."""
    if len(left) < 3:
        return 0.0
    left, right = left.double() - left.double().mean(), right.double() - right.double().mean()
    scale = float(left.norm() * right.norm())
    return float(left @ right) / scale if scale > 1e-12 else 0.0
