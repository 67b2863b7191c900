"""The rows of an account on paper, and what follows from all of them: computed once for as long as no row is added."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from attrs import evolve, frozen

from progressive_market.bars.bar_records import Bars
from progressive_market.charges import charges_on
from progressive_market.fills import account, fill_returns
from progressive_market.market import Part
from progressive_market.serving.decision import Action
from progressive_market.serving.trajectory import trajectory_of

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from progressive_market.serving.saved_market import MarketCard


@frozen(kw_only=True)
class PaperBar:
    """A closed bar and what was decided on it. `time`: its open, nanoseconds since 1970, UTC. `fill`: price of an order that waited for
    the bar. `settled`: whether a position may be held, long enough after a gap. `absent`: nothing was traded at its end. `rate`: value
    of the column of FUNDING; None without one. `action`: the position from the next open on."""

    time: int
    open: float
    high: float
    low: float
    close: float
    fill: float
    settled: bool
    absent: bool
    rate: float | None
    action: Action


KINDS = {"time": np.int64, "settled": np.bool_, "absent": np.bool_}
"""Of the columns that do not hold float64."""
SIDES = {"flat": 0.0, "long": 1.0, "short": -1.0}


class PaperColumns:
    """The rows of an account as columns, kept up to date: of rows that are asked about again with others behind them only these are read."""

    def __init__(self, card: MarketCard, interval: int) -> None:
        self._card, self._interval = card, interval
        self._rows: list[PaperBar] = []
        self._known = RowColumns(card, interval, _columns(()))

    def of(self, rows: Sequence[PaperBar]) -> RowColumns:
        """The columns of `rows`: those of the last call, of which some may have been taken off at the end, and others put there."""
        same = min(len(rows), len(self._rows))
        while same and rows[same - 1] is not self._rows[same - 1]:
            same -= 1
        if not same == len(rows) == len(self._rows):
            added = _columns(rows[same:])
            joined = {name: np.concatenate([self._known[name][:same], added[name]]) for name in added}
            self._known = RowColumns(self._card, self._interval, joined)
            self._rows[same:] = rows[same:]
        return self._known


class RowColumns:
    """The fields of N rows by name, `action` as a signed position, and the account that follows from them."""

    def __init__(self, card: MarketCard, interval: int, columns: dict[str, NDArray[Any]]) -> None:
        self._costs, self._interval, self._columns = card.costs.costs, interval, columns

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._columns[name]

    @cached_property
    def trajectory(self) -> pd.DataFrame:
        """As `PaperAccount.trajectory`."""
        return trajectory_of(torch.from_numpy(self["action"]), self._part, self._costs, self._bars)

    @cached_property
    def hold(self) -> NDArray[np.float64]:
        """As `PaperAccount.hold`."""
        part = self._part
        unbroken, always = torch.arange(len(part)) < len(part) - 2, torch.ones_like(part.returns)
        growth = account(always, part.returns, unbroken, self._costs, part.charges).growth
        equity: NDArray[np.float64] = torch.nn.functional.pad(growth[:-1], (1, 0)).cumsum(dim=0).exp().numpy()
        return equity

    @cached_property
    def _bars(self) -> Bars:
        count = len(self["time"])
        bars = Bars(
            time=self["time"],
            open=self["open"],
            high=self["high"],
            low=self["low"],
            close=self["close"],
            volume=np.zeros(count),
            segment=np.zeros(count, dtype=np.int32),
            interval=self._interval,
            fills=self["fill"],
        )
        funding = self._costs.funding
        return evolve(bars, extra={funding: self["rate"]}) if isinstance(funding, str) else bars

    @cached_property
    def _part(self) -> Part:
        """The rows as a part of a market without features."""
        returns, exists = fill_returns(torch.from_numpy(self["fill"]))
        charges = charges_on(self._bars, self._costs)
        return Part(
            start=0,
            features=torch.empty(len(returns), 0),
            returns=returns,
            decidable=exists & torch.from_numpy(self["settled"]),
            times=self["time"],
            charges=None if charges is None else torch.from_numpy(charges),
            absent=torch.from_numpy(self["absent"]),
        )


def _columns(rows: Sequence[PaperBar]) -> dict[str, NDArray[Any]]:
    """Each field of the `rows`, `action` as a signed position; a rate that is None is not a number."""
    names = ("time", "open", "high", "low", "close", "fill", "settled", "absent", "rate")
    found: dict[str, NDArray[Any]] = {
        name: np.array([getattr(row, name) for row in rows], dtype=KINDS.get(name, np.float64)) for name in names
    }
    return found | {"action": np.array([SIDES[row.action] for row in rows], dtype=np.float64)}
