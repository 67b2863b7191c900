"""The market of the newest bar, of tables that a caller gives one after the other, each with a bar more.

Where nothing but a plain bar was added, that bar alone is read: all else about the table was decided before, and would be decided
the same again. Else the whole of it is read, as for a single decision. The market is the same to the bit either way.
"""

from __future__ import annotations

from collections.abc import Callable
from time import time_ns
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from attrs import evolve, frozen

from progressive_market.bars.prices.checked import checked_prices
from progressive_market.features.feature_table import WARM_UP
from progressive_market.features.newest import NewestFeatures
from progressive_market.serving.plain_table import CORE, PlainTable, may_be_plain, plain_table
from progressive_market.serving.saved_market import fitting_bars, market_of, scaler_of
from progressive_training import DataError

if TYPE_CHECKING:
    from progressive_market.bars import Bars, Source
    from progressive_market.market import Market
    from progressive_market.serving.saved_market import MarketCard
    from progressive_market.serving.served_bars import Forming

MOST_ADDED = 16
"""Bars that are added one by one, at most."""


@frozen
class Known:
    """What was read last: the `table` given, the `bars` that it holds, and of the newest of them the `market` and the features."""

    table: PlainTable
    bars: Bars
    market: Market
    newest: NewestFeatures


class ContinuedMarket:
    """Call it with a source of bars, for these and the market of the newest of them."""

    def __init__(self, card: MarketCard, read: Callable[[Source | Bars, Forming], Bars]) -> None:
        """:param read: gives bars as the `card` says they are read."""
        self.card, self._read, self._scaler = card, read, scaler_of(card)
        self._may_go_on = not card.feature_plugins and card.regimes is None and may_be_plain(card.columns)
        self._interval = round(card.interval_seconds * 1e9)
        self._known: Known | None = None

    def __call__(self, source: Source | Bars, forming: Forming) -> tuple[Bars, Market]:
        """The closed bars of `source`, and the market of the newest.

        :raise DataError: they cannot be read. :raise ModelError: they do not fit the model.
        """
        table = plain_table(source, self.card.columns) if self._may_go_on else None
        if table is not None and forming == "drop":
            table = table.closed(self._interval, time_ns())
        if table is not None and self._known is not None and len(table.time):
            dropped = int(self._known.table.time.searchsorted(table.time[0]))
            if self._goes_on(table, self._known, dropped):
                return self._added(table, self._known, dropped)
        bars = self._read(source, forming)
        market = market_of(self.card, bars, last=1)
        if table is not None and table.holds(bars):
            self._known = Known(table.copied(), bars, market, NewestFeatures(fitting_bars(self.card, bars)))
        return bars, market

    def _goes_on(self, table: PlainTable, known: Known, dropped: int) -> bool:
        """Whether `table` is the known one less the first so many bars, which are too old to count, and a few plain bars more."""
        behind, interval = len(known.table.time) - dropped, self._interval
        if not behind or not 1 <= len(table.time) - behind <= MOST_ADDED:
            return False
        if dropped and len(table.time) < self.card.history:
            return False
        if not (table.goes_on(known.table, dropped) and table.plain_from(behind, interval)):
            return False
        if table.time[-1] + interval > time_ns():
            return False
        data, report = {name: table.columns[name] for name in CORE}, known.bars.report
        try:
            return checked_prices(table.time, data, interval, report)[2] is report  # nothing was found
        except DataError:
            return False

    def _added(self, table: PlainTable, known: Known, dropped: int) -> tuple[Bars, Market]:
        """The bars of `table`, and the market of the newest; these become what is known. Their report stays that of the first ones."""
        own, before = table.copied(), known.bars.segment
        count = len(known.table.time) - dropped
        segment = np.full(len(own.time), before[-1] - before[dropped], before.dtype)
        np.subtract(before[dropped:], before[dropped], out=segment[:count])
        core: dict[str, Any] = {name: own.columns[name] for name in CORE}
        bars = evolve(
            known.bars,
            time=own.time,
            segment=segment,
            extra={name: own.columns[name] for name in known.bars.extra},
            **core,
        )
        start = int(segment.searchsorted(segment[-1]))
        for stop in range(count + 1, len(own.time) + 1):
            known.newest.add(fitting_bars(self.card, bars.between(stop - 2, stop)))
        market = self._of_newest(bars, known, settled=len(own.time) - 1 - start >= WARM_UP)
        self._known = Known(own, bars, market, known.newest)
        return bars, market

    def _of_newest(self, bars: Bars, known: Known, *, settled: bool) -> Market:
        """The market of the newest of `bars`, which is of the segment of the `known` one."""
        return evolve(
            known.market,
            features=torch.from_numpy(self._scaler.apply(known.newest.table())),
            volatility=torch.from_numpy(known.newest.volatility()),
            settled=torch.tensor([settled]),
            log_open=torch.from_numpy(np.log(bars.open[-1:])),
            times=bars.time[-1:],
            closes=bars.close[-1:],
            measured={},
        )
