"""The market: features, returns and parts as tensors on the device, once in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from attrs import evolve, field, frozen

from progressive_market.charges import charges_on, without_funding
from progressive_market.features.averages import age_in_segment
from progressive_market.features.feature_table import (
    SCALES,
    WARM_UP,
    feature_names,
    history_of,
)
from progressive_market.features.newest import features_of
from progressive_market.features.scaler import Scaler
from progressive_market.fills import Costs, account, fill_returns
from progressive_market.split import Split
from progressive_market.vector_functions import choose_vector_functions
from progressive_training import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable

    from torch import Tensor

    from progressive_market.accounts.candles import Candles
    from progressive_market.bars import Bars, FeaturePlugin
    from progressive_market.features.newest import Features
    from progressive_market.fills import Account
    from progressive_market.regimes.detector import RegimeModel, Regimes

T = TypeVar("T")


@frozen
class Part:
    """N bars of a market in the order of time, consecutive ones as views: `features` [N, columns], `returns` [N] float64, `decidable` [N] bool (whether
    a policy may choose a position there), `charges` [N, 2] of long and short, or None, `absent` [N] bool, or None where every bar
    was there (nobody saw an absent bar in time, so positions stay on it), `regimes` [N, K] float32, or None (see `Market`), `times` [N]
    in numpy, and the number `start` of the first bar. `numbers` [N] of all bars where they are not consecutive, else None; see `bars`."""

    start: int
    features: Tensor
    returns: Tensor
    decidable: Tensor
    times: np.ndarray
    charges: Tensor | None = None
    absent: Tensor | None = None
    regimes: Tensor | None = None
    numbers: Tensor | None = None

    def __len__(self) -> int:
        return len(self.returns)

    @property
    def bars(self) -> Tensor:
        """The number of each bar in the market [N]."""
        if self.numbers is not None:
            return self.numbers
        return torch.arange(self.start, self.start + len(self), device=self.returns.device)

    def reaches(self, places: Tensor, ahead: int) -> Tensor:
        """Whether the bar so many bars behind each of `places` in the part [B] is in it too, and all between them."""
        reached = places + ahead
        inside = reached < len(self)
        if self.numbers is None:
            return inside
        return inside & (self.numbers[reached.clamp(max=len(self) - 1)] == self.numbers[places] + ahead)

    def taken(self, rows: Tensor | slice) -> Part:
        """The bars at these `rows` of the part alone, in the order of time: of a slice as views, else as copies. Its last bar may not
        be decided on, so that it ends flat."""
        times = self.times[rows if isinstance(rows, slice) else rows.cpu().numpy()]
        decidable, numbers = self.decidable[rows].clone(), self.bars[rows]
        decidable[-1:] = False
        beside = (None if each is None else each[rows] for each in (self.charges, self.absent, self.regimes))
        consecutive = self.numbers is None and isinstance(rows, slice)
        taken = Part(int(numbers[0]), self.features[rows], self.returns[rows], decidable, times, *beside)
        return taken if consecutive else evolve(taken, numbers=numbers)

    @property
    def regime(self) -> Tensor:
        """Number of the most probable regime at each bar [N], from 0; 0 throughout where the market has none."""
        return (
            torch.zeros_like(self.decidable, dtype=torch.int64) if self.regimes is None else self.regimes.argmax(dim=1)
        )

    def within(self, traded: Collection[int]) -> Part:
        """The same bars for one who trades in the regimes of these numbers alone: elsewhere he is flat. On an absent bar nobody saw
        a regime end: it counts to that of the bar before."""
        inside = torch.isin(self.regime, torch.tensor(sorted(traded), device=self.returns.device))
        seen = inside if self.absent is None else carried(inside, self.absent)
        return evolve(self, decidable=self.decidable & seen)

    @property
    def dates(self) -> tuple[str, ...]:
        """The opens of its first and last bar in ISO form."""
        ends = self.times[[0, -1]].astype("datetime64[ns]")
        return tuple(f"{time}Z" for time in np.datetime_as_string(ends, unit="s"))


@frozen
class Market:
    """The data of training and evaluation, T bars. Windows and episodes are bar numbers; nothing is copied for them.

    `names` of the raw features. `features` [T, features x scales] float32, standardised. `returns` [T] float64, from fill
    to fill. `settled` [T] bool: whether a segment is old enough to choose a position there; `decidable` [T]: whether that is so
    and the fills that follow are known. `log_open` [T] float64: of the price at which an order that waits for the bar fills.
    `volatility` [T] float32: standard deviation of one bar's return as known at that bar. `segment` [T]: number of the stretch
    without a gap. `times` [T]: nanoseconds since 1970, and `closes` [T], in numpy. `interval`: length of a bar in seconds, and
    `source_interval` of those that it was merged of. `symbol`: which market it is, or empty. `ratios`: columns that are log ratios
    to the close.
    `charges` [T, 2] float64: share of its value that a long and a short position pay on each bar; None for nothing. `absent`
    [T] bool: see `Part`. `regimes` [T, K] float32: probability of each regime as known at that bar, filtered; each row adds up to 1;
    None where REGIMES names no detector, as is `regime_model`, the fitted one. `history`: bars from which the features of the last of them are the same as from all bars before. `candles`:
    of the same bars, for a chart; None in use. `measured`: see `once`.
    """

    names: tuple[str, ...]
    features: Tensor
    returns: Tensor
    settled: Tensor
    decidable: Tensor
    log_open: Tensor
    volatility: Tensor
    segment: Tensor
    times: np.ndarray
    closes: np.ndarray
    interval: float
    scaler: Scaler
    costs: Costs
    history: int
    source_interval: float = 0.0
    symbol: str = ""
    ratios: tuple[str, ...] = ()
    charges: Tensor | None = None
    absent: Tensor | None = None
    regimes: Tensor | None = None
    regime_model: RegimeModel | None = None
    feature_plugins: tuple[FeaturePlugin, ...] = ()
    candles: Candles | None = None
    measured: dict[Hashable, Any] = field(factory=dict, repr=False)

    def once(self, what: Hashable, measure: Callable[[], T]) -> T:
        """The result of `measure`, made once for all who open this market in one run: `what` names it, with the bars it is of.
        It must be small, and nobody may change it."""
        if what not in self.measured:
            self.measured[what] = measure()
        found: T = self.measured[what]
        return found

    @property
    def device(self) -> torch.device:
        """Where the tensors live."""
        return self.features.device

    def part(self, bars: slice) -> Part:
        """The bars of one part of the split. Its last bar may not be decided on, so that the part ends flat."""
        decidable = self.decidable[bars].clone()
        decidable[-1:] = False
        charges = None if self.charges is None else self.charges[bars]
        absent = None if self.absent is None else self.absent[bars]
        regimes = None if self.regimes is None else self.regimes[bars]
        features, returns, times = self.features[bars], self.returns[bars], self.times[bars]
        return Part(bars.start, features, returns, decidable, times, charges, absent, regimes)

    def growth(self, positions: Tensor, part: Part) -> Tensor:
        """Log growth of each bar of `part` [..., N] from signed `positions` [..., N] there, as a broker counts them."""
        return self.account(positions, part).growth

    def account(self, positions: Tensor, part: Part) -> Account:
        """What signed `positions` [..., N] on `part` become at a broker, at the market's costs."""
        seen = positions if part.absent is None else carried(positions, part.absent)
        return account(seen, part.returns, part.decidable, self.costs, part.charges)

    def rewards(self, sides: Tensor) -> Tensor:
        """Log growth of each bar [T, K] of the `sides` [K], without costs of trades, where each bar starts with the share
        `costs.capital` of the equity at stake: what is learned from, since it does not depend on the bars before."""
        return self.costs.earned(sides, self.returns[:, None], None if self.charges is None else self.charges[:, None])

    def unbroken(self, part: Part) -> Part:
        """`part` as one sees it who needs no history: any bar whose fills are known may be decided on, but the last."""
        decidable = torch.zeros_like(part.decidable)
        decidable[: min(len(part) - 1, len(self.returns) - 2 - part.start)] = True
        return evolve(part, decidable=decidable)

    def hold(self, part: Part) -> Tensor:
        """Log growth of each bar of `part` [N] under buy and hold, across gaps, at the market's costs."""
        return self.growth(torch.ones_like(part.returns), self.unbroken(part))

    def outcomes(self, bars: Tensor, horizons: Tensor) -> tuple[Tensor, Tensor]:
        """Log return over each horizon from the next fill, over its standard deviation (volatility x sqrt(horizon)).

        :param bars: [B]. :param horizons: [H] in bars.
        :return: outcomes [H, B] float32, clipped to 5, and a mask [H, B]: whether the horizon ends before a gap and before
            the last bar. The outcome is 0 where not.
        """
        last = len(self.log_open) - 1
        start, reached = (bars + 1).clamp(max=last), bars + 1 + horizons[:, None]
        end = reached.clamp(max=last)
        exists = (reached <= last) & (self.segment.take(end) == self.segment.take(bars))
        gained = (self.log_open.take(end) - self.log_open.take(start)).float()
        return (gained / (self.volatility.take(bars) * horizons.sqrt()[:, None])).clamp(-5, 5) * exists, exists


def open_market(
    bars: Bars,
    scaler: Scaler | Split,
    costs: Costs,
    device: str,
    last: int | None = None,
    regimes: Regimes | None = None,
    features: Features | None = None,
) -> Market:
    """Compute the features of `bars` and copy the market to the device.

    :param scaler: a fitted scaler, or the split on whose training part one is fitted.
    :param last: how many of the bars are in the market, the newest ones; those before are history alone. None for all.
    :param regimes: a fitted detector; None for a market that knows none.
    :param features: `features_of` the bars without FUNDING, where they are known; the table is written to.
    :raise DataError: the column of FUNDING is missing. :raise PluginError: the detector fails.
    """
    choose_vector_functions()  # before the first computation with torch
    priced, bars = bars, without_funding(bars, costs.funding)
    charges = charges_on(priced, costs)
    held = slice(0 if last is None else max(0, len(bars) - last), len(bars))
    moves, table = features or features_of(bars, last)
    fitted = Scaler.fit(table[scaler.train]) if isinstance(scaler, Split) else scaler
    segment = torch.as_tensor(np.asarray(bars.segment[held], dtype=np.int64), device=device)
    prices = bars.open if bars.fills is None else bars.fills
    opens = torch.as_tensor(np.asarray(prices[held], dtype=np.float64), device=device)
    returns, exists = fill_returns(opens)
    settled = torch.as_tensor(age_in_segment(bars.segment)[held] >= WARM_UP, device=device)
    return Market(
        **described(bars, regimes),
        features=torch.from_numpy(fitted.apply(table)).to(device),
        returns=returns,
        settled=settled,
        decidable=exists & settled,
        log_open=torch.log(opens),
        volatility=torch.from_numpy(moves).to(device),
        segment=segment,
        times=np.asarray(bars.time[held]),
        closes=np.asarray(bars.close[held]),
        scaler=fitted,
        costs=costs,
        absent=None if bars.absent is None else torch.as_tensor(bars.absent[held], device=device),
        charges=None if charges is None else torch.as_tensor(charges[held], device=device),
        regimes=None if regimes is None else torch.from_numpy(regimes.probabilities(bars, last)).to(device),
    )


def described(bars: Bars, regimes: Regimes | None = None) -> dict[str, Any]:
    """What a market of `bars` holds beside its arrays, by field; without the column of FUNDING, which is no feature."""
    model = None if regimes is None else regimes.model
    return {
        "names": feature_names(bars),
        "interval": bars.interval / 1e9,
        "history": history_of(bars, 1 if model is None else model.history),
        "source_interval": bars.source_interval / 1e9,
        "symbol": bars.report.market,
        "ratios": bars.ratios,
        "feature_plugins": bars.feature_plugins,
        "regime_model": model,
    }


def refuse_untradable(market: Market) -> None:
    """Refuse a market on no bar of which a policy may choose a position.

    :raise DataError: no segment is long enough.
    """
    if not market.decidable.any():
        raise DataError(
            f"{len(market.returns)} bars: no segment between two gaps is longer than {WARM_UP} bars, so nothing can be "
            f"traded. Give more bars, or bars with fewer gaps, a coarser FREQUENCY, or a larger FILL_MINUTES."
        )


def carried(positions: Tensor, absent: Tensor) -> Tensor:
    """Signed `positions` [..., N], on bars that were `absent` [N] those of the bar before, and flat on the first of all. Or any
    other numbers, or truth values."""
    bars = torch.arange(len(absent), device=absent.device)
    seen = torch.cummax(torch.where(absent, 0, bars), dim=0).values
    return positions[..., seen] * ~absent[seen]


def bytes_of_market(bars: int, features: int) -> int:
    """Bytes that a market of so many bars and raw features takes: the table in float32 and in bfloat16, the columns beside it
    and those of the learner, and the bars it is made of until it stands (128 a bar together, as seen at four million)."""
    return bars * (6 * features * len(SCALES) + 128)
