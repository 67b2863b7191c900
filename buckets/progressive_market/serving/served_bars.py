"""The bars that a model is asked about, read as its card says, whatever today's rows look like."""

from __future__ import annotations

from time import time_ns
from typing import TYPE_CHECKING, Literal

import numpy as np

from progressive_market.bars import Bars, clean_reading, read, resample
from progressive_market.bars.bar_records import interval_text, iso
from progressive_training import DataError, ModelError

if TYPE_CHECKING:
    from progressive_market.bars import Source
    from progressive_market.bars.layouts.columns import Reading
    from progressive_market.serving.saved_market import MarketCard

Forming = Literal["refuse", "drop"]
NO_TIME = np.iinfo(np.int64).min


def served_bars(source: Source | Bars, card: MarketCard, market: str | None = None) -> Bars:
    """All bars of `source`, of the length that the model was trained on.

    :param market: which one to take, where several are in the source; None for the one trained on.
    :raise DataError: the source cannot be read, or its bars cannot be traded on.
    """
    return _merged(_read(source, card, market)[0], card)


def closed_bars(source: Source | Bars, card: MarketCard, forming: Forming, market: str | None = None) -> Bars:
    """The same up to the newest bar that has closed, which must be the newest of `source`.

    :param forming: what to do with a bar that has not closed yet by the clock: "refuse" it, or "drop" it. :param market: as above.
    :raise ModelError: the newest row is no bar, is not closed, lies in the future, or is a bad print as far as anyone can know.
    """
    if forming not in ("refuse", "drop"):
        raise ModelError(f"forming is {forming!r:.60}, expected 'refuse' or 'drop'")
    bars, newest = _read(source, card, market)
    owner, now = f"{card.bucket} model", time_ns()
    begins = iso(np.array([newest]))[0]
    if newest > now:
        raise ModelError(
            f"{owner}: the newest bar begins at {begins}, and it is {iso(np.array([now]))[0]}: check the zone of the times, which "
            f"are taken as UTC where they name none"
        )
    if newest + bars.interval > now:
        if forming == "refuse":
            raise ModelError(
                f'{owner}: the bar of {begins} has not closed yet: leave it out, or ask with forming="drop" to have it left out'
            )
        bars = bars.between(0, int(np.searchsorted(bars.time, newest - bars.interval, side="right")))
    elif newest >= bars.time[-1] + bars.interval:  # one that begins between two bar opens was moved back
        raise ModelError(
            f"{owner}: the newest row, of {begins}, is no bar (a price is missing or impossible): give a whole bar"
        )
    if bars.report.last_print:
        raise ModelError(f"{owner}: {bars.report.last_print}: a bad print, or a move that the next bar has to confirm")
    return _merged(_without_absent_end(bars, owner), card)


def _read(source: Source | Bars, card: MarketCard, market: str | None) -> tuple[Bars, int]:
    """The bars as they were given, and the time of their newest row."""
    if isinstance(source, Bars):
        return source, int(source.time[-1])
    reading = _reading(source, card) if market is None else read(source, market=market, columns=card.columns)
    newest = int(reading.time.max(initial=NO_TIME))
    return clean_reading(reading, card.fill_minutes, round(card.source_seconds * 1e9)), newest


def _reading(source: Source, card: MarketCard) -> Reading:
    """The only market of `source`, or the one trained on where there are several."""
    try:
        return read(source, columns=card.columns)
    except DataError as error:
        if not card.symbol:
            raise
        try:
            return read(source, market=card.symbol, columns=card.columns)
        except DataError:
            raise error from None


def _without_absent_end(bars: Bars, owner: str) -> Bars:
    """Absent bars before a dropped one are known from that one alone."""
    there = np.ones(len(bars), dtype=bool) if bars.absent is None else ~bars.absent
    if not there.any():
        raise ModelError(f"{owner}: {bars.report.source} holds no bar that has closed")
    return bars.between(0, int(np.flatnonzero(there)[-1]) + 1)


def _merged(bars: Bars, card: MarketCard) -> Bars:
    wanted = round(card.interval_seconds * 1e9)
    if bars.interval >= wanted or wanted % bars.interval:
        return bars  # the market says what does not fit
    try:
        return resample(bars, interval_text(wanted))
    except DataError as error:
        raise ModelError(f"{card.bucket} model: {error}") from error
