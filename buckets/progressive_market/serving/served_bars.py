"""The bars that a model is asked about, read as its card says, whatever today's rows look like."""

from __future__ import annotations

from time import time_ns
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from attrs import evolve

from progressive_market.bars import Bars, clean_reading, parts_of, read, resample, synthetic_before
from progressive_market.bars.bar_records import NO_TIME, interval_text, iso
from progressive_market.market_settings import DATA, DATA_MB, MARKET
from progressive_training import DataError, ModelError, run_input

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from progressive_market.bars import Source
    from progressive_market.bars.layouts.columns import Reading
    from progressive_market.serving.saved_market import MarketCard
    from progressive_market.serving.served_model import ServedModel
    from progressive_training import RunInfo, Settings

Forming = Literal["refuse", "drop"]


def served_bars(
    source: Source | Bars,
    card: MarketCard,
    market: str | None = None,
    until: int | None = None,
    data_mb: int = DATA_MB.default,
) -> Bars:
    """All bars of `source`, of the length that the model was trained on.

    :param market: which one to take, where several are in the source; None for the one trained on.
    :param until: as if rows of this time and later were not there, in nanoseconds since 1970.
    :param data_mb: as for `read`.
    :raise DataError: the source cannot be read, or its bars cannot be traded on.
    """
    if not isinstance(source, Bars):
        source = _cleaned(_reading(source, card, market, until, data_mb), card)
    return _merged(source, card)


def bars_of_card(card: MarketCard, settings: Settings, until: int | None, file: Source | None) -> Bars:
    """The bars of `file`, None for synthetic ones, before a time, as the `card` says that they are read.

    :param until: in nanoseconds since 1970; None for all.
    """
    if file is None:
        return served_bars(synthetic_before(settings, until), card)
    return served_bars(file, card, settings[MARKET], until, settings[DATA_MB])


def bars_of_run(model: ServedModel[Any], run: RunInfo) -> Bars:
    """The bars that a `run` was begun on, its test part included, as its `model` reads them.

    :raise DataError: its file is gone or holds other bytes. :raise ModelError: the bars do not fit the model.
    """
    parts = parts_of(run.settings)
    return bars_of_card(model.card, run.settings, None if parts is None else parts[3], run_input(run, DATA.key))


def closed_bars(source: Source | Bars, card: MarketCard, forming: Forming, market: str | None = None) -> Bars:
    """The same up to the newest bar that has closed, which must be the newest of `source`.

    :param forming: what to do with a bar that has not closed yet by the clock: "refuse" it, or "drop" it. :param market: as above.
    :raise ModelError: the newest row is no bar, is not closed, lies in the future, or is a bad print as far as anyone can know.
    """
    if forming not in ("refuse", "drop"):
        raise ModelError(f"forming is {forming!r:.60}, expected 'refuse' or 'drop'")
    owner, now = f"{card.bucket} model", time_ns()
    if isinstance(source, Bars):
        bars, times = source, source.time
    else:
        reading = _reading(source, card, market)
        times = reading.time
        if NO_TIME in times[[0, -1]]:
            raise ModelError(
                f"{owner}: a row at the end of {reading.source} has no time that can be read: give whole rows"
            )
        bars = _cleaned(reading, card)
    newest = int(times.max())
    if newest > now:
        raise ModelError(
            f"{owner}: the newest bar begins at {_iso(newest)}, and it is {_iso(now // 10**9 * 10**9)}: check the zone of the times, "
            f"which are taken as UTC where they name none"
        )
    if newest + bars.interval > now and forming == "refuse":
        raise ModelError(
            f'{owner}: the bar of {_iso(newest)} has not closed yet: leave it out, or ask with forming="drop" to have it left out'
        )
    ended = times + bars.interval <= now
    if not ended.any():
        raise ModelError(f"{owner}: {bars.report.source} holds no bar that has closed")
    if not ended.all():  # what is forming has no say in how the others are cleaned
        bars = bars.between(0, int(ended.sum())) if isinstance(source, Bars) else _cleaned(_rows(reading, ended), card)
    closed, last = _without_absent_end(bars), int(times[ended].max())
    if last >= closed.time[-1] + bars.interval:  # one that begins between two bar opens was moved back
        raise ModelError(
            f"{owner}: the newest row, of {_iso(last)}, is no bar (a price is missing or impossible): give a whole bar"
        )
    if closed.report.last_print:
        raise ModelError(
            f"{owner}: {closed.report.last_print}: a bad print, or a move that the next bar has to confirm"
        )
    return _merged(closed, card)


def _cleaned(reading: Reading, card: MarketCard) -> Bars:
    return clean_reading(reading, card.fill_minutes, round(card.source_seconds * 1e9))


def _rows(reading: Reading, kept: NDArray[np.bool_]) -> Reading:
    columns = {name: values[kept] for name, values in reading.columns.items()}
    return evolve(reading, time=reading.time[kept], columns=columns)


def _iso(time: int) -> str:
    return iso(np.array([time]))[0]


def _reading(
    source: Source,
    card: MarketCard,
    market: str | None,
    until: int | None = None,
    data_mb: int = DATA_MB.default,
) -> Reading:
    """The rows of one market: the one that is asked for, the only one, or the one trained on where there are several."""
    if market is not None:
        return read(source, market=market, columns=card.columns, until=until, data_mb=data_mb)
    try:
        return read(source, columns=card.columns, until=until, data_mb=data_mb)
    except DataError as error:
        if not card.symbol:
            raise
        try:
            return read(source, market=card.symbol, columns=card.columns, until=until, data_mb=data_mb)
        except DataError:
            raise error from None


def _without_absent_end(bars: Bars) -> Bars:
    """Absent bars at the end are known from a later one alone, which was dropped."""
    if bars.absent is None:
        return bars
    return bars.between(0, int(np.flatnonzero(~bars.absent)[-1]) + 1)


def _merged(bars: Bars, card: MarketCard) -> Bars:
    wanted = round(card.interval_seconds * 1e9)
    if bars.interval >= wanted or wanted % bars.interval:
        return bars  # the market says what does not fit
    try:
        return resample(bars, interval_text(wanted))
    except DataError as error:
        raise ModelError(f"{card.bucket} model: {error}") from error
