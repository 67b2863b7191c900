"""What saved models earn on both halves of validation: the one that chose them, and the one that was held back from all trials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from progressive_market.bars import nanoseconds
from progressive_market.judging.excerpt import half_of
from progressive_market.market_settings import DATA
from progressive_market.serving.saved_market import market_of
from progressive_market.serving.served_bars import bars_of_card
from progressive_market.serving.served_model import ServedModel
from progressive_market.split import purge_of
from progressive_training import Halves, ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from progressive_training import Fold, Settings

BLOCKS = 32
"""Of each half and fold: four in each of its stretches."""


def halves(models: Sequence[Any], folds: Sequence[Fold], settings: Settings) -> Halves:
    """What the strategies of `models` earn, whatever their verdicts say, at the costs in their cards; arguments and errors are those of
    `SearchesSettings.halves`. No bar of a test part is read."""
    earned: tuple[list[float], list[float]] = [], []
    for model, fold in zip(models, folds, strict=True):
        if not isinstance(model, ServedModel):
            raise ModelError(
                f"{type(model).__name__}: no model of the market, so what it earns on held-back bars is not known"
            )
        if not model.card.horizons:
            raise ModelError(
                f"{model.card.bucket} model: its card has no horizons, so where its validation part ends is not known"
            )
        market = market_of(model.card, bars_of_card(model.card, settings, nanoseconds(fold.test_from), settings[DATA]))
        borders = [nanoseconds(fold.validate_from), nanoseconds(fold.test_from)]
        start, stop = np.searchsorted(market.times, borders).tolist()
        part = market.part(slice(start, stop - purge_of(max(model.card.horizons))))
        for place, blocks in enumerate(earned):
            half = half_of(part, held_back=place == 1)
            growth = market.growth(model.follow_strategy(half, market), half)
            blocks += [float(block.sum()) for block in growth.tensor_split(BLOCKS)]
    return Halves(choosing=tuple(earned[0]), held_back=tuple(earned[1]))
