"""Attack `feeds`: each feature, by name, says nothing or comes late while all others stay as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import evolve

if TYPE_CHECKING:
    from torch import Tensor

    from progressive_market.challenge.subject import Subject

FROZEN, DELAYED, ALONE = "frozen", "3 bars late", "alone"
BARS = 3


def feeds(subject: Subject) -> dict[str, Tensor]:
    """Growth [N] where one feature stays at its mean of the training bars, and where it is that of `BARS` bars before; and where the
    one that is missed most is alone, with all others frozen."""
    part, market = subject.part, subject.market
    before = np.arange(part.start - BARS, part.start + len(part) - BARS).clip(min=0)
    scales = market.features.shape[1] // len(market.names)
    grown, columns = {}, {name: slice(f * scales, (f + 1) * scales) for f, name in enumerate(market.names)}
    for name, own in columns.items():
        for what, values in ((FROZEN, 0.0), (DELAYED, market.features[before, own])):
            features = part.features.clone()
            features[:, own] = values
            grown[f"{name} {what}"] = subject.on(evolve(part, features=features))
    missed = min(columns, key=lambda name: float(grown[f"{name} {FROZEN}"].sum()))
    features = part.features.new_zeros(part.features.shape)
    features[:, columns[missed]] = part.features[:, columns[missed]]
    return grown | {f"{missed} {ALONE}": subject.on(evolve(part, features=features))}
