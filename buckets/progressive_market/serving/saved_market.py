"""The market in the card of a saved model, and the same market made of other bars when the model is used."""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np
from attrs import asdict, evolve, frozen

from progressive_market.bars.bar_records import FeaturePlugin, iso
from progressive_market.bars.levels import as_ratios
from progressive_market.features.feature_plugins import with_recorded_features
from progressive_market.features.feature_table import BUILT_IN, SCALES
from progressive_market.features.scaler import Scaler
from progressive_market.fills import Costs
from progressive_market.judging.by_regime.traded_regimes import is_place
from progressive_market.market import open_market
from progressive_market.market_settings import FILL_MINUTES
from progressive_market.regimes.detector import RegimeModel, recorded_regimes
from progressive_training import DataError, InvalidValue, ModelError, PluginError, validated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from progressive_market.bars import Bars
    from progressive_market.market import Market
    from progressive_market.split import Split
    from progressive_training import Settings

CardT = TypeVar("CardT", bound="MarketCard")
EARLIER = "abstains"
"""What only cards of earlier versions hold, in place of `trades` and `verdict`."""
SINCE = "history"
"""What every card holds since features are computed as they are now."""
LARGEST = 1e30
"""What arithmetic in float32 still bears, of any number in a card."""


@frozen(kw_only=True)
class Scaling:
    """`mean` and `deviation` of each feature column, from the training part."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]


@frozen(kw_only=True)
class Charges:
    """`side` is fee and slippage of one side of a trade, `capital` the share of equity at stake, `allowed` the sides that may
    be taken, "both" or "long", `funding` a rate a year that longs pay, `funding_column` the column with the rate of each bar in
    its place, or empty, `borrow` a rate a year that shorts pay."""

    side: float
    capital: float
    allowed: str
    funding: float = 0.0
    funding_column: str = ""
    borrow: float = 0.0

    @property
    def costs(self) -> Costs:
        """The costs that they are."""
        return Costs(self.side, self.capital, self.allowed, self.funding_column or self.funding, self.borrow)

    @classmethod
    def of(cls, costs: Costs) -> Charges:
        """How a card records `costs`."""
        return cls(
            side=costs.side,
            capital=costs.capital,
            allowed=costs.allowed,
            funding=0.0 if isinstance(costs.funding, str) else costs.funding,
            funding_column=costs.funding if isinstance(costs.funding, str) else "",
            borrow=costs.borrow,
        )


@frozen(kw_only=True)
class MarketCard:
    """What a model's card records of the market that it was trained on, and of the verdict on it. `features`: the raw ones, in
    order. `trades`: where the model trades, "everywhere", "nowhere", "in regime 2" or "in regimes 1 and 3", and `verdict` why: both are the
    evaluator's.

    How bars are read in use: `fill_minutes` as FILL_MINUTES, `source_seconds` the length of the bars that those of
    `interval_seconds` were merged of, `symbol` the market's name in the data or empty, `ratios` the columns that are given as log
    ratios to the close. `history`: bars on which a decision is the one that was evaluated.

    `validation_t`, and that of alpha: of validation bars that did not choose the model, NaN where they say nothing; both of the
    strategy as a whole, and in `regime_validation_t` and its like of each regime alone. `evidence`: as EVIDENCE. `horizons`: its bucket's, in bars, of which the longest parts training, validation and test; empty where nobody recorded them. `regimes`: the fitted detector; None where there was none.

    Opens of bars as ISO times, UTC: `data_since` the first of all and `data_until` the last, the validation and test parts included,
    and `trained_until` the last of the training part."""

    bucket: str
    features: tuple[str, ...]
    scales: tuple[int, ...]
    scaler: Scaling
    costs: Charges
    interval_seconds: float
    source_seconds: float
    fill_minutes: float
    symbol: str
    ratios: tuple[str, ...]
    history: int
    data_since: str
    trained_until: str
    data_until: str
    trades: str
    verdict: str
    feature_plugins: tuple[FeaturePlugin, ...] = ()
    regimes: RegimeModel | None = None
    validation_t: float = math.nan
    validation_alpha_t: float = math.nan
    regime_validation_t: tuple[float, ...] = ()
    regime_validation_alpha_t: tuple[float, ...] = ()
    evidence: str = "all"
    horizons: tuple[int, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the data beside time, prices and volume, which no installed feature computes."""
        computed = {column for plugin in self.feature_plugins for column in plugin.columns}
        given = tuple(name for name in self.features if name not in BUILT_IN and name not in computed)
        return given + (self.costs.funding_column,) * bool(self.costs.funding_column)

    def uncharged(self) -> Self:
        """The same card with nothing to pay for a position, for a decision: what it will pay is not known yet."""
        return evolve(self, costs=evolve(self.costs, funding=0.0, funding_column="", borrow=0.0))

    def out_of_range(self) -> str:
        """The name of a value that no market has; empty where there is none."""
        count = len(self.features) * len(self.scales)
        numbers = [*self.scaler.mean, *self.scaler.deviation]
        in_range = {
            "costs.side": 0 <= self.costs.side < 0.5,
            "costs.capital": 0 < self.costs.capital <= 1,
            "costs.funding": abs(self.costs.funding) < LARGEST and abs(self.costs.borrow) < LARGEST,
            "costs.funding_column": self.costs.funding_column not in self.features,
            "costs.allowed": self.costs.allowed in ("both", "long"),
            "interval_seconds": 0 < self.interval_seconds < LARGEST,
            "source_seconds": 0 < self.source_seconds <= self.interval_seconds,
            "fill_minutes": 0 <= self.fill_minutes < LARGEST,
            "ratios": set(self.ratios) <= set(self.features),
            "history": 0 < self.history < LARGEST,
            "its times": _in_order(self.data_since, self.trained_until, self.data_until),
            "trades": is_place(self.trades, 0 if self.regimes is None else self.regimes.count),
            "regimes": self.regimes is None or self.regimes.in_range(),
            "scales": self.scales == SCALES,
            "features": self.features[: len(BUILT_IN)] == BUILT_IN and len(set(self.features)) == len(self.features),
            "scaler": len(self.scaler.mean) == len(self.scaler.deviation) == count,
            "scaler.deviation": all(deviation > 0 for deviation in self.scaler.deviation),
            "its numbers": all(abs(number) < LARGEST for number in numbers),  # not a number is not, either
        }
        return next((key for key, fits in in_range.items() if not fits), "")


def checked_card(values: Mapping[str, Any], kind: type[CardT], file: Path) -> CardT:
    """A card of this `kind`, from the values in `file`.

    :raise ModelError: something is missing, of the wrong kind, or out of range, or it is of an earlier version.
    """
    refuse_earlier(values, str(file))
    try:
        card = validated(values, kind)
    except InvalidValue as error:
        raise ModelError(f"{file}: its card is damaged ({error}). Take another copy.") from None
    if key := card.out_of_range():
        raise ModelError(f"{file}: its card is damaged ({key} out of range). Take another copy.")
    return card


def refuse_earlier(values: Mapping[str, Any], model: str) -> None:
    """Refuse the card of a `model` whose verdict or features were made by rules that no longer hold.

    :raise ModelError: it is of an earlier version.
    """
    if EARLIER in values or SINCE not in values:
        raise ModelError(
            f"{model}: made by an earlier version of this program, whose features and verdicts no longer hold; train again"
        )


def _in_order(*times: str) -> bool:
    """Whether these are ISO times of which none is before the one before it, and all can be counted in nanoseconds."""
    try:
        moments = [datetime.fromisoformat(time) for time in times]
    except ValueError:
        return False
    return all(each.tzinfo and 1700 < each.year < 2200 for each in moments) and moments == sorted(moments)


def market_card(market: Market, split: Split, settings: Settings) -> dict[str, Any]:
    """What a card records of `market` and its `split`, which the `settings` of its run describe, as JSON values."""
    since, trained, until = iso(market.times[[0, split.train.stop - 1, -1]])
    card: dict[str, Any] = {
        "features": list(market.names),
        "scales": list(SCALES),
        "scaler": {"mean": market.scaler.mean.tolist(), "deviation": market.scaler.deviation.tolist()},
        "costs": asdict(Charges.of(market.costs)),
        "interval_seconds": market.interval,
        "source_seconds": market.source_interval,
        "fill_minutes": settings[FILL_MINUTES],
        "symbol": market.symbol,
        "ratios": list(market.ratios),
        "history": market.history,
        "data_since": since,
        "trained_until": trained,
        "data_until": until,
    }
    if market.feature_plugins:
        card["feature_plugins"] = [asdict(plugin) for plugin in market.feature_plugins]
    if market.regime_model is not None:
        card["regimes"] = asdict(market.regime_model)
    return card


def market_of(card: MarketCard, bars: Bars, last: int | None = None, device: str = "cpu") -> Market:
    """The market of `bars` in the order and scale of those that the model was trained on; columns are matched by name, and those
    that it was not trained with are left out.

    :param last: as for `open_market`.
    :raise ModelError: a column is missing, a feature or the detector of regimes is not installed, or the bars are of another
        length than those trained on.
    """
    owner, fitting = f"{card.bucket} model", fitting_bars(card, bars)
    regimes = None if card.regimes is None else recorded_regimes(card.regimes, owner)
    try:
        return open_market(fitting, scaler_of(card), card.costs.costs, device, last, regimes)
    except (DataError, PluginError) as error:
        raise ModelError(f"{owner}: {error}") from error


def fitting_bars(card: MarketCard, bars: Bars) -> Bars:
    """`bars` with the columns that the model was trained on, in its order.

    :raise ModelError: as for `market_of`.
    """
    owner, wanted = f"{card.bucket} model", card.columns
    if missing := [name for name in wanted if name not in bars.extra]:
        raise ModelError(
            f"{owner}: {bars.report.source} lacks the columns {', '.join(missing)}. It was trained with {', '.join(wanted)}; give "
            f"these beside time, prices and volume."
        )
    seconds = bars.interval / 1e9
    if seconds != card.interval_seconds:
        raise ModelError(
            f"{owner}: trained on bars of {card.interval_seconds:g} seconds, got bars of {seconds:g} "
            f"seconds. Give such bars or shorter ones, or use a model trained on these."
        )
    given = with_columns(bars, wanted)
    try:
        complete = as_ratios(with_recorded_features(given, card.feature_plugins, owner), card.ratios)
    except (DataError, PluginError) as error:
        raise ModelError(f"{owner}: {error}") from error
    order = dict.fromkeys((*card.features, *wanted))  # the column of funding, if any, is the last
    return with_columns(complete, [name for name in order if name not in BUILT_IN])


def with_columns(bars: Bars, names: Sequence[str]) -> Bars:
    """`bars` with these extra columns alone, in this order."""
    return bars if list(bars.extra) == list(names) else evolve(bars, extra={name: bars.extra[name] for name in names})


def scaler_of(card: MarketCard) -> Scaler:
    """The scaler that a card records."""
    return Scaler(np.array(card.scaler.mean), np.array(card.scaler.deviation))
