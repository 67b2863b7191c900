"""Teachers made to harm: each takes what a good one knows, or what one that learned from noise knows, and spoils it.

None of them says that it must not be trusted, though a bucket that noticed would: this is for what comes after. Those made of a
good one claim its t as well; the one that learned from noise has its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from attrs import evolve

from progressive_training import Knowledge

Poison = Callable[[Knowledge, Knowledge, int], Knowledge]
SURE = 10.0
"""Deviations of a bar's reward that the one action seems to bring: more than any market does."""


def random_weights(good: Knowledge, noise: Knowledge, seed: int) -> Knowledge:
    """Weights drawn anew, of the same mean and deviation tensor by tensor."""
    generator = torch.Generator().manual_seed(seed)
    drawn = {
        name: torch.randn(weight.shape, generator=generator) * weight.std(correction=0) + weight.mean()
        for name, weight in good.weights.items()
    }
    return evolve(good, weights=drawn, distrust="")


def one_action(good: Knowledge, noise: Knowledge, seed: int) -> Knowledge:
    """Long, whatever the market shows."""
    said = {name: torch.zeros_like(weight) for name, weight in good.weights.items() if name.startswith("value.")}
    said["value.bias"][..., 0] = SURE
    return evolve(good, weights={**good.weights, **said}, distrust="")


def opposite_sign(good: Knowledge, noise: Knowledge, seed: int) -> Knowledge:
    """Every value negated: short where long would be right."""
    said = {name: -weight for name, weight in good.weights.items() if name.startswith("value.")}
    return evolve(good, weights={**good.weights, **said}, distrust="")


def trained_on_noise(good: Knowledge, noise: Knowledge, seed: int) -> Knowledge:
    """What a bucket learned from a random walk."""
    return evolve(noise, distrust="")


def shuffled_importance(good: Knowledge, noise: Knowledge, seed: int) -> Knowledge:
    """No weights, and the shares of the features dealt out in reverse: what mattered most has least."""
    return evolve(good, weights={}, feature_importance=reversed_shares(good.feature_importance), distrust="")


def wrong_horizons(good: Knowledge, noise: Knowledge, seed: int) -> Knowledge:
    """No weights, and full skill at the horizon where there was least, none where there was most."""
    worst_first = sorted(good.horizons, key=lambda horizon: good.horizons[horizon])
    skill = {horizon: 1.0 - place / max(1, len(worst_first) - 1) for place, horizon in enumerate(worst_first)}
    return evolve(good, weights={}, feature_importance={}, horizons=skill, distrust="")


def reversed_shares(shares: Mapping[str, float]) -> dict[str, float]:
    """The same shares, the largest to whom had the smallest."""
    ascending = sorted(shares, key=lambda name: shares[name])
    return dict(zip(ascending, sorted(shares.values(), reverse=True), strict=True))


POISONS: dict[str, Poison] = {
    "random weights": random_weights,
    "one action": one_action,
    "opposite sign": opposite_sign,
    "trained on noise": trained_on_noise,
    "shuffled importance": shuffled_importance,
    "wrong horizons": wrong_horizons,
}
