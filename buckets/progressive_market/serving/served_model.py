"""What every saved model on a market can do, whatever it learned with: the same strategy as was evaluated, on other bars."""

from __future__ import annotations

from abc import ABC, abstractmethod
from copy import copy
from typing import TYPE_CHECKING, Generic, Self, TypeVar

import numpy as np
import pandas as pd
import torch
from attrs import evolve, frozen

from progressive_market.bars.bar_records import interval_text
from progressive_market.bars.layouts.markets import plain_name
from progressive_market.features.feature_table import WARM_UP
from progressive_market.judging.baselines import Ridge, with_baselines
from progressive_market.judging.by_regime.regime_edge import regime_row
from progressive_market.judging.by_regime.traded_regimes import regime_name, regimes_in
from progressive_market.judging.by_regime.validation_evidence import by_regime
from progressive_market.judging.verdict import EVERYWHERE
from progressive_market.market import Market, Part, carried, refuse_untradable
from progressive_market.policy import FLAT, best_actions
from progressive_market.serving.continued_market import ContinuedMarket
from progressive_market.serving.saved_market import MarketCard, market_of
from progressive_market.serving.served_bars import closed_bars, served_bars
from progressive_market.serving.since import moment_of
from progressive_market.serving.trajectory import trajectory_of
from progressive_training import DataError, ModelError
from progressive_training.presentation import utc_text

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from progressive_market.bars import Bars, Source
    from progressive_market.serving.served_bars import Forming
    from progressive_training import Performance

CardT = TypeVar("CardT", bound=MarketCard)

AFTER_GAP = f"{WARM_UP} bars after a gap"
"""Why nothing is held where a segment is too young."""


@frozen
class Decided:
    """Decisions at the closes of N bars: signed positions `wanted` [N] float64; `settled` [N] bool, whether a position may be held;
    `reason` of the newest one and `warnings` about it as in `Decision`."""

    wanted: Tensor
    settled: Tensor
    reason: str | None
    warnings: tuple[str, ...]


class ServedModel(ABC, Generic[CardT]):
    """A saved model. `card` describes what it was trained on, and how bars are read for it.

    It trades where its verdict says so, everywhere or in some regimes, and stays flat elsewhere. `overruled`: it trades as its strategy does all the same, and
    every answer says why it should not. `asked`: name of the market to take of a source that holds several; None for the one
    trained on. `heeds_start`: whether `follow_strategy` goes on from the position that it is given, so that bars behind others can be
    followed without those.
    """

    card: CardT
    heeds_start = False
    overruled = False
    asked: str | None = None

    @abstractmethod
    def follow_strategy(self, part: Part, market: Market, start: int = FLAT) -> Tensor:
        """Signed positions [N] of its strategy on the bars of `part`, whatever its verdict says.

        :param start: what is held before the first of them, an index into `ACTIONS`; a model whose policy decides on bars alone
            begins flat.
        :raise ModelError: its weights give no numbers there.
        """

    @abstractmethod
    def ridge(self) -> Ridge:
        """The ridge baseline that was fitted beside it."""

    def skill(self, part: Part, market: Market) -> dict[int, float]:
        """Skill of its predictions by horizon, on a `part` of `market` whose first bar has the number `part.start` there: correlation
        with the outcomes less its standard error, at least 0. Empty where it predicts nothing."""
        return {}

    def outlook(self, part: Part, market: Market) -> Tensor | None:
        """Log return that it expects of a bar [N], as known at each bar of `part`; None where it predicts nothing.

        :raise ModelError: its weights give no numbers there.
        """
        return None

    @property
    def reason(self) -> str | None:
        """Why it trades nowhere, or should not; None where an edge was confirmed, be it in some regimes."""
        return None if self.traded or self.card.trades == EVERYWHERE else self.card.verdict.split(" (")[0]

    @property
    def traded(self) -> tuple[int, ...]:
        """The numbers of the regimes, from 0, in which alone it trades; none where it trades everywhere or nowhere."""
        return regimes_in(self.card.trades)

    def outside(self, part: Part) -> str | None:
        """Why one that trades in some regimes alone does not trade on the last bar of `part`, or should not; None where it may."""
        if not self.traded:
            return None
        regime = int((part.regime if part.absent is None else carried(part.regime, part.absent))[-1])
        return f"{regime_name(regime)}, where no edge was shown" if regime not in self.traded else None

    @property
    def stays_flat(self) -> bool:
        """Whether it may not trade."""
        return self.reason is not None and not self.overruled

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns beside time, prices and volume that it was trained with."""
        return self.card.columns

    @property
    def history(self) -> int:
        """How many bars give the decision that was evaluated."""
        return self.card.history

    def strategy(self) -> Self:
        """The same model, trading as its strategy does whatever its verdict says."""
        model = copy(self)
        model.overruled = True
        return model

    def of_market(self, name: str) -> Self:
        """The same model for bars of this market, where several are in their source."""
        model = copy(self)
        model.asked = name
        return model

    def read(self, bars: Source | Bars, forming: Forming | None = None) -> Bars:
        """`bars` as its card says they are read, which every method takes in place of them.

        :param bars: whatever `load_bars` takes. :param forming: None: all of them, for `performance`; "refuse" or "drop" a bar that
            has not closed yet, for a decision.
        :raise DataError: they cannot be read. :raise ModelError: as for a decision, where `forming` is given.
        """
        if forming is None:
            return served_bars(bars, self.card, self.asked)
        return closed_bars(bars, self.card.uncharged(), forming, self.asked)

    def known(self, bars: Bars, since: str | pd.Timestamp | None = None) -> str:
        """How many of `bars` are of the time of those that the model was trained, chosen and judged on; empty where none is, or
        where they are of another market.

        :param since: as for `performance`.
        """
        if self._of_another_market(bars):
            return ""
        first, last = (pd.Timestamp(time).value for time in (self.card.data_since, self.card.data_until))
        times = bars.time[self._first(bars.time, since) :]
        known = int(np.count_nonzero((times >= first) & (times <= last)))
        if not known:
            return ""
        return (
            f"{known:,} of {len(times):,} bars are of the time that the model was trained, chosen and judged on (until "
            f"{utc_text(self.card.data_until)}); only later ones say anything new"
        )

    def market(self, bars: Bars) -> Market:
        """`bars` matched by column names, in order and scale.

        :raise ModelError: a column is missing, a feature is not installed, or the bars are of another length than those trained on.
        """
        return market_of(self.card, bars)

    def performance(self, bars: Source | Bars, since: str | pd.Timestamp | None = None) -> tuple[Performance, ...]:
        """What the model as it is used did on `bars`, and the baselines beside it, net of the costs it was trained for.

        :param bars: whatever `load_bars` takes, or what it gives.
        :param since: trade from the first bar at this time or later; those before are history alone. None for all.
        :raise ModelError: the bars do not fit those trained on, or on none of them may be traded.
        """
        _, market, part = self._from(bars, since)
        return with_baselines(self.card.bucket, self._held(part, market), part, market, self.ridge())

    def by_regime(self, bars: Source | Bars, since: str | pd.Timestamp | None = None) -> tuple[Performance, ...]:
        """What its strategy did in each regime alone, whatever its verdict says; none where the market knows no regimes. Arguments and
        errors are those of `performance`."""
        _, market, part = self._from(bars, since)
        return tuple(
            regime_row(
                self.card.bucket,
                regime,
                self.follow_strategy(inside, market) * inside.decidable,
                part,
                inside,
                market,
            )
            for regime, inside in enumerate(by_regime(part))
        )

    def trajectory(self, bars: Source | Bars, since: str | pd.Timestamp | None = None) -> pd.DataFrame:
        """What the model as it is used did on `bars`, a row for each bar, by its open in UTC; arguments and errors are those of
        `performance`, to whose log return `log_growth` adds up.

        `open` to `close`. `action`: decided at the bar's close. `position`: held during the bar, decided on the bar before; flat
        where the account was ruined, until the action changes. `fill`: price at which it was entered or left at the bar's open, NaN where it stayed, and `cost` the log cost of that. `log_growth`
        of the equity from the bar's open to the next one, net of costs, and `equity` at the end of it, from 1. On the last bar all is
        sold at its open.
        """
        served, market, part = self._from(bars, since)
        wanted = self._held(evolve(part, decidable=market.settled[part.start :]), market)
        return trajectory_of(wanted, part, market.costs, served)

    def decided(self, bars: Bars, count: int, start: int = FLAT) -> Decided:
        """What the model as it is used decides at the closes of the newest `count` of `bars`, all of them closed.

        :param bars: as `read` gives them, `history` of them before those, for decisions that are the evaluated ones.
        :param start: what is held before the first of these, which was there (not absent), as `follow_strategy` takes it.
        :raise ModelError: the bars do not fit those trained on, or are too few.
        """
        market = market_of(self.card.uncharged(), bars, last=count)
        part = evolve(market.part(slice(0, count)), decidable=market.settled)
        reason = self.reason or (self.outside(part) if market.settled[-1] else AFTER_GAP)
        return Decided(self._held(part, market, start), market.settled, reason, self._warnings(bars, market))

    @staticmethod
    def _best(advantage: Tensor, costs: Tensor, held: int) -> int:
        """The best position at the bar with that `advantage` [2], held before `held`; `costs` [3, 3] as for `best_actions`."""
        return int(best_actions(advantage, costs)[held])

    def _continued(self) -> ContinuedMarket:
        """For the market of the newest bar of sources that are asked about one after the other."""
        return ContinuedMarket(self.card.uncharged(), self.read)

    def _warnings(self, bars: Bars, market: Market) -> tuple[str, ...]:
        """What keeps a decision on the last of `bars` from being the one that would have been evaluated.

        :raise ModelError: there are too few to say anything.
        """
        owner, found = f"{self.card.bucket} model", []
        if bars.segment[0] == bars.segment[-1] and len(bars) < self.history:  # what came before would have counted
            if len(bars) <= WARM_UP:
                raise ModelError(
                    f"{owner}: {len(bars)} bars, at least {WARM_UP + 1} are needed, and {self.history:,} to decide well"
                )
            found.append(f"{len(bars):,} bars of history, and {self.history:,} give the decision that was evaluated")
        if unknown := [name for name, values in bars.extra.items() if np.isnan(values[-1])]:
            found.append(f"no value yet of {', '.join(unknown)}")
        if bars.report.steps:
            found.append(f"the price jumps and stays there: {', '.join(bars.report.first_times['steps'])}")
        if lost := bars.report.skipped:
            found.append(f"{lost:,} lines could not be read: if the newest is one of them, this is the bar before")
        if self._of_another_market(bars):
            found.append(f"bars of {bars.report.market}, and it was trained on {self.card.symbol}")
        return tuple(found)

    def _of_another_market(self, bars: Bars) -> bool:
        named, own = bars.report.market, self.card.symbol
        return bool(named and own and plain_name(named) != plain_name(own))

    def _from(self, bars: Source | Bars, since: str | pd.Timestamp | None) -> tuple[Bars, Market, Part]:
        try:
            served = self.read(bars)
            market = self.market(served)
            refuse_untradable(market)
        except DataError as error:
            raise ModelError(f"{self.card.bucket} model: {error}") from error
        return served, market, market.part(slice(self._first(market.times, since), len(served)))

    def _first(self, times: NDArray[np.int64], since: str | pd.Timestamp | None) -> int:
        if since is None:
            return 0
        time = moment_of(since)
        first = int(np.searchsorted(times, time.value))
        if first > len(times) - 3:
            raise ModelError(f"{self.card.bucket} model: there are no bars to trade on since {time.isoformat()}")
        return first

    def _held(self, part: Part, market: Market, start: int = FLAT) -> Tensor:
        if self.stays_flat:
            return torch.zeros_like(part.returns)
        if self.overruled or not self.traded:
            return self.follow_strategy(part, market, start)
        inside = part.within(self.traded)
        return self.follow_strategy(inside, market, start) * inside.decidable

    def __repr__(self) -> str:
        card = self.card
        market = f"{card.symbol or 'bars'} of {interval_text(round(card.interval_seconds * 1e9))}"
        if self.reason is None:
            use = "trades"
            if self.traded:
                use = f"trades {'all the same: an edge was shown ' * self.overruled}{self.card.trades}"
        else:
            use = f"trades all the same: {self.reason}" if self.overruled else f"stays flat: {self.reason}"
        return (
            f"<{card.bucket} model for {market}, {len(card.features)} features, {self.history} bars of history, "
            f"trained until {card.trained_until}; {use}>"
        )
