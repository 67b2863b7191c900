"""The market that a fold is judged on: the bars that it was trained on and those of its test part, read as its card says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from progressive_market.accounts.candles import candles_of
from progressive_market.bars import parts_of
from progressive_market.judging.verdict import NOT_JUDGED, NOWHERE
from progressive_market.market_settings import DATA
from progressive_market.serving.saved_market import MarketCard, market_card, market_of
from progressive_market.serving.served_bars import bars_of_card
from progressive_market.split import Split, split_at
from progressive_training import DataError, run_input, validated

if TYPE_CHECKING:
    from progressive_market.market import Market
    from progressive_training import BucketInfo


def market_with_test(market: Market, split: Split, info: BucketInfo) -> tuple[Market, Split]:
    """The market up to the end of the test part, and its split, on the device of the `market` that was trained on.

    Bars are read as a saved model reads them: with the columns, the scaler and the bar length of training, whatever the bars
    behind it hold.

    :raise DataError: there are no bars to test on.
    """
    settings = info.settings
    parts = parts_of(settings)
    assert parts is not None  # whoever judges on shares has the test part already
    unjudged = {"bucket": info.name, "trades": NOWHERE, "verdict": NOT_JUDGED}
    card = validated({**market_card(market, split, settings), **unjudged}, MarketCard)
    bars = bars_of_card(card, settings, parts[3], run_input(info, DATA.key))
    judged = split_at(bars.time, parts, info.horizons[-1], info.name)
    if judged.test.stop - judged.test.start < 3:
        raise DataError(f"{bars.report.source}: {info.name}: PARTS leaves no bars to test on")
    complete = market_of(card, bars, device=str(market.device))
    return evolve(complete, candles=candles_of(bars)), judged
