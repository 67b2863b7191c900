"""The test parts of all folds as one part of one market, and what each fold's model did on its own stretch of it.

Positions are followed across borders: what one fold's model holds is what the next one's finds, and nothing is closed there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from attrs import evolve, frozen

from progressive_market.accounts.candles import candles_of
from progressive_market.bars import nanoseconds
from progressive_market.features.feature_table import SCALES
from progressive_market.market_settings import DATA
from progressive_market.policy import FLAT
from progressive_market.serving.decision import ACTIONS
from progressive_market.serving.saved_market import market_of
from progressive_market.serving.served_bars import bars_of_card

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from torch import Tensor

    from progressive_market.bars import Bars
    from progressive_market.market import Market, Part
    from progressive_market.serving.served_model import ServedModel
    from progressive_training import Fold, Settings


@frozen(eq=False)
class Stretch:
    """What one fold's model did: `rows` of the joint part; `skill` of its predictions by horizon; `drift` of each raw feature."""

    rows: slice
    skill: Mapping[int, float]
    drift: Mapping[str, float]


@frozen(eq=False)
class OutOfSample:
    """`part`: the test bars of all folds [N], in `market`. `held` [N] signed positions of the strategy, and `ridged` those of ridge
    regression, each fold's own fit; `stretches`: one for each fold."""

    market: Market
    part: Part
    held: Tensor
    ridged: Tensor
    stretches: tuple[Stretch, ...]


def out_of_sample(models: Sequence[ServedModel[Any]], folds: Sequence[Fold], settings: Settings) -> OutOfSample:
    """Follow the strategies of one bucket's `models`, one for each fold, whatever their verdicts say."""
    bars = _bars(models, folds, settings)
    market = market_of(models[-1].card, bars)
    market = evolve(market, candles=candles_of(bars))
    borders = np.searchsorted(
        bars.time, [nanoseconds(time) for time in (*(f.test_from for f in folds), folds[-1].until)]
    )
    first = int(borders[0])
    part = market.part(slice(first, int(borders[-1])))
    held, ridged, stretches = [], [], []
    own, of_ridge = FLAT, FLAT
    for model, start, stop in zip(models, borders[:-1].tolist(), borders[1:].tolist(), strict=True):
        seen = market_of(model.card, bars.between(0, stop))
        rows = slice(start - first, stop - first)
        # the last bars of a fold may be decided on: their fills are known, in the next fold
        there = evolve(seen.part(slice(start, stop)), decidable=part.decidable[rows], returns=part.returns[rows])
        held.append(model.follow_strategy(there, seen, own))
        ridged.append(model.ridge().positions(there, seen, of_ridge))
        own, of_ridge = (int(positions[-1][-1]) % len(ACTIONS) for positions in (held, ridged))
        stretches.append(Stretch(rows, model.skill(there, seen), drift_of(there.features, seen.names)))
    return OutOfSample(market, part, torch.cat(held), torch.cat(ridged), tuple(stretches))


def drift_of(features: Tensor, names: Sequence[str]) -> dict[str, float]:
    """How far each raw feature has moved from the training bars, in deviations there: the 2-Wasserstein distance of two normal
    distributions with their means and deviations, sqrt(mean^2 + (deviation - 1)^2), since on the training bars these are 0 and 1.

    :param features: [N, features x scales] standardised by the training bars; the first scale is the feature itself.
    """
    raw = features[:, :: len(SCALES)].double()
    distance = (raw.mean(dim=0).square() + (raw.std(dim=0) - 1).square()).sqrt()
    return dict(zip(names, distance.tolist(), strict=True))


def _bars(models: Sequence[ServedModel[Any]], folds: Sequence[Fold], settings: Settings) -> Bars:
    """The bars up to the end of the newest fold, with the columns of every model."""
    columns = dict.fromkeys(name for model in models for name in (*model.card.features, *model.card.columns))
    card = evolve(models[-1].card, features=tuple(columns), feature_plugins=tuple(_plugins(models)))
    return bars_of_card(card, settings, nanoseconds(folds[-1].until), settings[DATA])


def _plugins(models: Sequence[ServedModel[Any]]) -> list[Any]:
    return list({plugin.name: plugin for model in models for plugin in model.card.feature_plugins}.values())
