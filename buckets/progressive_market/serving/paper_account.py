"""An account on paper: a model follows bars as they come, and what it holds is counted as its trajectory counts it.

Each bar that was decided on is kept as a row. The account is computed from all rows by the code of `ServedModel.trajectory`, so
that over history both are the same to the last bit, in whatever pieces the bars came.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from attrs import frozen

from progressive_market.bars.bar_records import PRICES, Bars, iso
from progressive_market.charges import without_funding
from progressive_market.judging.performance import completed_trades
from progressive_market.policy import FLAT
from progressive_market.serving.decision import ACTIONS, Action
from progressive_market.serving.paper_rows import PaperBar, PaperColumns
from progressive_market.serving.served_bars import closed_bars
from progressive_training import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from progressive_market.bars import Source
    from progressive_market.serving.saved_market import MarketCard
    from progressive_market.serving.served_model import ServedModel


@frozen(kw_only=True)
class PaperStanding:
    """Where an account stands. `bars` decided on, `since` and `until` the opens of the first and the last, ISO, UTC. `action`: to be held from the
    next open on; `position`: held during the newest bar, entered at the price `entry` on `entered`, None where flat. `equity`: had all been sold
    at the newest open, from 1, and `hold` that of buy and hold on the same bars and costs. `trades`: positions left again.
    `known`: how many of the bars are of the time of those that the model was trained, chosen and judged on, which say nothing new."""

    bars: int
    since: str
    until: str
    close: float
    action: Action
    position: Action
    entry: float | None
    entered: str | None
    equity: float
    hold: float
    trades: int
    known: int


class PaperAccount:
    """The account of a `model` from `rows` on, those of an earlier account that it goes on with.

    `rows`: the bars decided on. `reason` and `warnings` of the newest decision as in `Decision`. `changed`: what is amiss with the bars
    given last: some that were decided on are no longer what they were; else empty.
    """

    def __init__(self, model: ServedModel[MarketCard], rows: Sequence[PaperBar] = (), since: int | None = None) -> None:
        """:param since: the first bar to decide on is the first of this time or later, in nanoseconds since 1970; None for the first of all."""
        self._model, self.rows, self._since = model, list(rows), since
        self.reason: str | None = model.reason
        self.warnings: tuple[str, ...] = ()
        self.changed = ""
        self._columns = PaperColumns(model.card, self.interval)

    @property
    def interval(self) -> int:
        """Length of a bar in nanoseconds."""
        return round(self._model.card.interval_seconds * 1e9)

    def bars_needed(self, now: int) -> int:
        """How many of the newest bars `follow` needs at the time `now`, in nanoseconds since 1970."""
        begin = self.rows[-1].time if self.rows and self._model.heeds_start else self._begin
        behind = 0 if begin is None else max(0, now - begin) // self.interval
        return self._model.history + behind + len(self._absent_end()) + 2

    @property
    def _begin(self) -> int | None:
        return self.rows[0].time if self.rows else self._since

    def read(self, bars: Source | Bars) -> Bars:
        """The closed bars of a source, as the model reads them.

        :raise DataError: it cannot be read. :raise ModelError: as for a decision on the newest of them.
        """
        return closed_bars(bars, self._model.card, "drop", self._model.asked)

    def follow(self, bars: Source | Bars) -> list[PaperBar]:
        """Decide on each closed bar behind those decided on, and return the new rows; none where there is no such bar.

        :raise DataError: the bars cannot be read. :raise ModelError: they do not fit those trained on, or do not go on where the account stands.
        """
        closed = self.read(bars)
        first = self._first_new(closed)
        if first == len(closed):
            return []
        again = len(self.rows) if not self._model.heeds_start else len(self._absent_end())
        if first < again:
            raise ModelError(
                f"{closed.report.source}: begins at {iso(closed.time)[0]}, and the account needs bars from "
                f"{iso(np.array([self.rows[-again].time]))[0]} on"
            )
        count = len(closed) - first + again
        window = closed.between(max(0, len(closed) - count - self._model.history), len(closed))
        decided = self._model.decided(window, count, self._held_before(again))
        rows = self._rows(closed, first, decided.wanted[again:], decided.settled[again:])
        self.reason, self.warnings = decided.reason, decided.warnings
        self.rows += rows
        return rows

    def trajectory(self) -> pd.DataFrame:
        """A row for each bar, with the columns of `ServedModel.trajectory`. On the newest all is sold at its open."""
        return self._columns.of(self.rows).trajectory.copy(deep=False)

    def hold(self) -> NDArray[np.float64]:
        """The equity of buy and hold [N], of the same bars and costs, beside `equity` of `trajectory`."""
        return self._columns.of(self.rows).hold.copy()

    def standing(self) -> PaperStanding:
        """Where the account stands; there must be a row."""
        columns = self._columns.of(self.rows)
        frame, times = columns.trajectory, columns["time"]
        learned = [pd.Timestamp(each).value for each in (self._model.card.data_since, self._model.card.data_until)]
        position: Action = frame["position"].iloc[-1]
        is_long, is_short = ((frame["position"] == side).to_numpy(np.float64) for side in ("long", "short"))
        held: NDArray[np.float64] = is_long - is_short
        changes = np.flatnonzero(np.diff(held, prepend=0.0))
        entered = int(changes[-1]) if position != "flat" else None
        return PaperStanding(
            bars=len(self.rows),
            since=iso(times)[0],
            until=iso(times[-1:])[0],
            close=self.rows[-1].close,
            action=self.rows[-1].action,
            position=position,
            entry=None if entered is None else self.rows[entered].fill,
            entered=None if entered is None else iso(times[entered : entered + 1])[0],
            equity=float(frame["equity"].iloc[-1]),
            hold=float(columns.hold[-1]),
            trades=completed_trades(torch.from_numpy(held)),
            known=int(np.count_nonzero((times >= learned[0]) & (times <= learned[1]))),
        )

    def _first_new(self, bars: Bars) -> int:
        """The number of the first of `bars` behind the rows.

        :raise ModelError: the bars do not hold the newest row, or are another market's.
        """
        if not self.rows:
            return 0 if self._since is None else int(np.searchsorted(bars.time, self._since))
        newest = self.rows[-1].time
        place = int(np.searchsorted(bars.time, newest))
        if place == len(bars):  # a feed that lags
            ends, stands = iso(bars.time[-1:])[0], iso(np.array([newest]))[0]
            self.changed = self._differences(bars) or (
                f"{bars.report.source}: ends at {ends}, and the account stands at {stands}: nothing is decided"
            )
            return place
        if bars.time[place] != newest:
            raise ModelError(
                f"{bars.report.source}: holds no bar of {iso(np.array([newest]))[0]}, the newest that the account has decided on, and "
                f"later ones: give the bars from there on, with {self._model.history:,} before"
            )
        self.changed = self._differences(bars)
        return place + 1

    def _differences(self, bars: Bars) -> str:
        """In words, which rows are no longer as they are in `bars`.

        :raise ModelError: most are not.
        """
        columns = self._columns.of(self.rows)
        times = columns["time"]
        _, own, there = np.intersect1d(times, bars.time, return_indices=True)
        mine = np.stack([columns[name][own] for name in PRICES], axis=1)
        theirs = np.stack([getattr(bars, name)[there] for name in PRICES], axis=1)
        differs = (mine != theirs).any(axis=1)
        if not differs.any():
            return ""
        at = iso(times[own][differs])[0]
        if len(differs) > 1 and differs.mean() > 0.5:
            raise ModelError(
                f"{bars.report.source}: {int(differs.sum()):,} of {len(differs):,} bars are not those that the account was kept on, first at "
                f"{at}: it is another market's, or other bars of it; give another --name, or the file that it was begun with"
            )
        before, now = mine[differs][0][-1], theirs[differs][0][-1]
        return (
            f"bars decided on were corrected afterwards: {int(differs.sum()):,}, first at {at} (close {before:g}, now {now:g}): the "
            f"account keeps what it decided on and was filled at"
        )

    def _absent_end(self) -> list[PaperBar]:
        """The newest rows from the last on that was there: what is absent behind it goes by what was seen there."""
        for number, row in enumerate(reversed(self.rows), 1):
            if not row.absent:
                return self.rows[-number:]
        return self.rows[:]

    def _held_before(self, again: int) -> int:
        return ACTIONS.index(self.rows[-again - 1].action) if 0 < again < len(self.rows) else FLAT

    def _rows(self, bars: Bars, first: int, wanted: Tensor, settled: Tensor) -> list[PaperBar]:
        funding = self._model.card.costs.funding_column
        without_funding(bars, funding or 0.0)  # refuses rates that the trajectory would refuse
        rates = bars.extra[funding][first:] if funding else None
        fills = bars.open if bars.fills is None else bars.fills
        absent = np.zeros(len(bars), dtype=bool) if bars.absent is None else bars.absent
        actions = [ACTIONS[int(each)] for each in wanted]  # -1 is the last, short
        return [
            PaperBar(
                time=int(bars.time[n]),
                open=float(bars.open[n]),
                high=float(bars.high[n]),
                low=float(bars.low[n]),
                close=float(bars.close[n]),
                fill=float(fills[n]),
                settled=bool(settled[n - first]),
                absent=bool(absent[n]),
                rate=None if rates is None else float(rates[n - first]),
                action=actions[n - first],
            )
            for n in range(first, len(bars))
        ]
