"""The market in the card of a saved model, and the same market made of other bars when the model is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from attrs import asdict, evolve, frozen

from progressive_market.bars.bar_records import FeaturePlugin
from progressive_market.features.feature_plugins import with_recorded_features
from progressive_market.features.feature_table import BUILT_IN, SCALES
from progressive_market.features.scaler import Scaler
from progressive_market.fills import Costs
from progressive_market.judging.verdict import EVERYWHERE, NOWHERE
from progressive_market.market import open_market
from progressive_training import DataError, InvalidValue, ModelError, validated

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from progressive_market.bars import Bars
    from progressive_market.market import Market

CardT = TypeVar("CardT", bound="MarketCard")
EARLIER = "abstains"
"""What only cards of earlier versions hold, in place of `trades` and `verdict`."""
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
    order. `trades`: where the model trades, "everywhere" or "nowhere", and `verdict` why: both are the evaluator's."""

    bucket: str
    features: tuple[str, ...]
    scales: tuple[int, ...]
    scaler: Scaling
    costs: Charges
    interval_seconds: float
    trades: str
    verdict: str
    feature_plugins: tuple[FeaturePlugin, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the data beside time, prices and volume, which no installed feature computes."""
        computed = {column for plugin in self.feature_plugins for column in plugin.columns}
        given = tuple(name for name in self.features if name not in BUILT_IN and name not in computed)
        return given + (self.costs.funding_column,) * bool(self.costs.funding_column)

    def stays_flat(self, *, overruled: bool) -> bool:
        """Whether the model may not trade; an `overruled` verdict keeps none from it."""
        return self.trades != EVERYWHERE and not overruled

    def reason(self, *, overruled: bool) -> str:
        """Why the model trades or stays flat, in words."""
        if self.trades == EVERYWHERE:
            return f"trades: {self.verdict}"
        return (
            f"trades, since its user overrules the verdict: {self.verdict}"
            if overruled
            else f"stays flat: {self.verdict}"
        )

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
            "trades": self.trades in (EVERYWHERE, NOWHERE),
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
    """Refuse the card of a `model` whose verdict was made by rules that no longer hold.

    :raise ModelError: it is of an earlier version.
    """
    if EARLIER in values:
        raise ModelError(
            f"{model}: made by an earlier version of this program, whose verdicts no longer hold; train again"
        )


def market_card(market: Market) -> dict[str, Any]:
    """What a card records of `market`, as JSON values."""
    card: dict[str, Any] = {
        "features": list(market.names),
        "scales": list(SCALES),
        "scaler": {"mean": market.scaler.mean.tolist(), "deviation": market.scaler.deviation.tolist()},
        "costs": asdict(Charges.of(market.costs)),
        "interval_seconds": market.interval,
    }
    if market.feature_plugins:
        card["feature_plugins"] = [asdict(plugin) for plugin in market.feature_plugins]
    return card


def market_of(card: MarketCard, bars: Bars) -> Market:
    """The market of `bars` in the order and scale of those that the model was trained on; columns are matched by name.

    :raise ModelError: a column is missing or unknown, a feature is not installed, there is too little history, or the bars
        are of another length than those trained on.
    """
    owner, wanted = f"{card.bucket} model", card.columns
    missing = [name for name in wanted if name not in bars.extra]
    unknown = [name for name in bars.extra if name not in wanted]
    if missing or unknown:
        misfits = [f"missing {', '.join(missing)}"] * bool(missing) + [f"unknown {', '.join(unknown)}"] * bool(unknown)
        raise ModelError(
            f"{owner}: the extra columns of {bars.report.source} do not fit: {'; '.join(misfits)}. It was "
            f"trained with {', '.join(wanted) or 'none'}; give exactly these beside time, prices and volume."
        )
    seconds = bars.interval / 1e9
    if seconds != card.interval_seconds:
        raise ModelError(
            f"{owner}: trained on bars of {card.interval_seconds:g} seconds, got bars of {seconds:g} "
            f"seconds. Resample the bars, or use a model trained on such bars."
        )
    scaler = Scaler(np.array(card.scaler.mean), np.array(card.scaler.deviation))
    given = evolve(bars, extra={name: bars.extra[name] for name in wanted})
    try:
        complete = with_recorded_features(given, card.feature_plugins, owner)
        order = dict.fromkeys((*card.features, *card.columns))  # the column of funding, if any, is the last
        columns = {name: complete.extra[name] for name in order if name not in BUILT_IN}
        return open_market(evolve(complete, extra=columns), scaler, card.costs.costs, "cpu")
    except DataError as error:
        raise ModelError(f"{owner}: {error}") from error
