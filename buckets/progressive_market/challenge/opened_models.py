"""The models of a finished run, each on the bars of its own validation or test part, read as its card says."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from attrs import evolve

from progressive_market.bars import parts_of
from progressive_market.challenge.subject import Subject
from progressive_market.market_settings import DATA, TEST_SHARE, VALIDATION_SHARE
from progressive_market.serving.saved_market import market_of
from progressive_market.serving.served_bars import bars_of_card
from progressive_market.split import Split, split_at, split_bars
from progressive_training import SEED, run_input

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from progressive_market.bars import Bars
    from progressive_market.market import Market, Part
    from progressive_market.serving.saved_market import MarketCard
    from progressive_market.serving.served_model import ServedModel
    from progressive_training import BucketInfo

    PartName = Literal["validation", "test"]

FILLS = 2
"""Bars after a part, by whose opens the last decisions on it are filled."""


def subjects_of(
    models: Mapping[str, ServedModel[Any]], infos: Mapping[str, BucketInfo], part: PartName
) -> dict[str, Subject]:
    """Each model on its own bars of one part, by its bucket, whatever its verdict says.

    No bar behind the part is in memory but the two that its last decisions are filled by.

    :param infos: of the buckets, as they were trained.
    :raise DataError: the bars are not those of the run any more. :raise ModelError: a model does not fit them.
    """
    bars = _bars(models, infos, part)
    return {name: _subject(model, infos[name], bars, part) for name, model in models.items()}


def _bars(models: Mapping[str, ServedModel[Any]], infos: Mapping[str, BucketInfo], part: PartName) -> Bars:
    """The bars up to the end of the part, with the columns of every model."""
    cards = [model.card for model in models.values()]
    columns = dict.fromkeys(name for card in cards for name in (*card.features, *card.columns))
    plugins = {plugin.name: plugin for card in cards for plugin in card.feature_plugins}
    card = evolve(cards[-1], features=tuple(columns), feature_plugins=tuple(plugins.values()))
    info = next(iter(infos.values()))
    parts = parts_of(info.settings)
    until = None if parts is None else parts[2 if part == "validation" else 3]
    return bars_of_card(card, info.settings, until, run_input(info, DATA.key))


def _subject(model: ServedModel[Any], info: BucketInfo, bars: Bars, part: PartName) -> Subject:
    rows = getattr(_split(model.card, info, bars), part)
    first = max(0, rows.start - model.card.history)
    own = bars.between(first, min(rows.stop + FILLS, len(bars)))
    market = market_of(model.card, own)
    return Subject(
        name=info.name,
        bars=own,
        market=market,
        part=market.part(slice(rows.start - first, rows.stop - first)),
        policy=partial(_strategy, model),
        opened=lambda changed: market_of(model.card, changed),
        seed=info.settings[SEED],
    )


def _strategy(model: ServedModel[Any], part: Part, market: Market) -> Tensor:
    """What `model` does on `part`: in the regimes alone that its verdict names, or where it names none as its strategy does."""
    if not model.traded:
        return model.follow_strategy(part, market)
    inside = part.within(model.traded)
    return model.follow_strategy(inside, market) * inside.decidable


def _split(card: MarketCard, info: BucketInfo, bars: Bars) -> Split:
    """The parts that the model was judged on: those of a committee are its longest member's, whose horizons its card holds."""
    settings, longest = info.settings, max(*info.horizons, *getattr(card, "horizons", ()), 1)
    if parts := parts_of(settings):
        return split_at(bars.time, parts, longest, info.name)
    return split_bars(len(bars), longest, settings[VALIDATION_SHARE], settings[TEST_SHARE], info.name)
