"""Which features matter, and which horizons can be predicted: what this learner can tell another.

Features are judged twice: by what the training bars show (`screening`) and by what the network makes of them (here).
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
    from progressive_training.market import Part

SHIFTED_BARS = 64
"""Bars that the network is asked about with each feature shifted: twice as many, or a thousand, rank no better (seen by us)."""
FEATURES_AT_ONCE = 16
PREDICTED_BARS = 4_096


@frozen
class Measured:
    """Share of each feature by two methods (each sums to 1), and the skill at each horizon.

    `screened` is what the training bars show, `permuted` what the network makes of validation bars.
    """

    screened: Mapping[str, float]
    permuted: Mapping[str, float]
    horizons: Mapping[int, float]

    @property
    def importance(self) -> dict[str, float]:
        """What both methods say together, as shares that sum to 1: their mean, where both see something.

        A feature that the network makes less of than the even share counts as screening sees it, up to that share: what
        the network makes of noise is luck, and larger than what it makes of a weak signal.
        """
        even = 1 / max(1, len(self.screened))
        told = {
            name: share + (self.permuted[name] if self.permuted[name] > even else min(share, even))
            for name, share in self.screened.items()
        }
        total = sum(told.values())
        return {name: share / total for name, share in told.items()}

    @property
    def agreement(self) -> float:
        """Rank correlation of the two methods (Spearman), -1 to 1.

        Shares below the even one count as equal: the order of what both call noise is luck.
        """
        both = torch.tensor([list(self.screened.values()), list(self.permuted.values())])
        ranks = [ranked(shares.clamp(min=float(shares.mean()))) for shares in both]
        return correlation(*ranks)


def judge_inputs(critic: Critic, part: Part, screened: Mapping[str, float]) -> Measured:
    """What the network makes of the features and horizons of one part, beside what `screened` them."""
    return Measured(screened, permuted_importance(critic, part, otherwise=screened), horizon_skill(critic, part))


def permuted_importance(critic: Critic, part: Part, otherwise: Mapping[str, float]) -> Mapping[str, float]:
    """Share of each feature [sums to 1]: how far the advantages move when its columns are taken from another time.

    This is Jansen's estimate (1999) of a feature's total effect (Sobol), with a shift by half the part for the
    permutation, which keeps each feature's own dynamics and draws no randomness.

    :param otherwise: the shares while the network says the same of every bar, as an untrained one does.
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


def horizon_skill(critic: Critic, part: Part) -> dict[int, float]:
    """Correlation of each horizon's prediction with what came, on one part, less its standard error, and at least 0.

    Outcomes over h bars overlap: of N bars only N / h tell anything new, so what a long horizon shows is mostly luck.
    """
    places = decidable_bars(part, PREDICTED_BARS)
    bars, last = part.start + places, part.start + len(part)
    predicted = critic.target.predictions(part.features[places])  # [N, horizons]
    outcomes, exist = critic.market.outcomes(bars, critic.horizons)
    skill = {}
    for h, horizon in enumerate(critic.target.shape.horizons):
        exists = exist[h] & (bars + horizon + 1 < last)
        shown = correlation(predicted[exists, h], outcomes[h, exists])
        apart = max(1.0, min(int(exists.sum()), len(part) / horizon))
        skill[horizon] = max(0.0, shown - (1 - shown * shown) / math.sqrt(apart))
    return skill


def decidable_bars(part: Part, most: int) -> Tensor:
    """Where in `part` there are bars that may be decided on, evenly thinned to at most so many [N]."""
    places = torch.nonzero(part.decidable).flatten()
    return places[:: max(1, math.ceil(len(places) / most))]


def ranked(values: Tensor) -> Tensor:
    """Rank of each of `values` [N] from 0 up; equal ones share the mean of theirs."""
    below = (values[None, :] < values[:, None]).sum(dim=1)
    equal = (values[None, :] == values[:, None]).sum(dim=1)
    return below + (equal - 1) / 2


def correlation(left: Tensor, right: Tensor) -> float:
    """Pearson correlation of two [N], 0 where one of them does not vary."""
    if len(left) < 3:
        return 0.0
    left, right = left.double() - left.double().mean(), right.double() - right.double().mean()
    scale = float(left.norm() * right.norm())
    return float(left @ right) / scale if scale > 1e-12 else 0.0
