"""The bars of an exchange that a model is asked about: those that its card says it reads, as many as it looks back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from progressive_app.exchanges.closed_bars import newest_bars
from progressive_app.exchanges.named_exchange import Exchange
from progressive_app.exchanges.timeframes import timeframe_of
from progressive_core.contract.errors import ConfigError, ModelError

if TYPE_CHECKING:
    import pandas as pd


@frozen(kw_only=True)
class Needed:
    """The bars that a model needs for one decision: of which market, how long, how many. `merged`: how many of them are one of its own."""

    symbol: str
    timeframe: str
    count: int
    merged: int

    def fetch(self, exchange: Exchange) -> pd.DataFrame:
        """Them, of the exchange; see `newest_bars`."""
        return newest_bars(exchange, self.symbol, self.timeframe, self.count)

    def of(self, count: int) -> Needed:
        """As many as make `count` of the model's own."""
        whole = count if self.merged == 1 else count + 1  # the oldest of merged bars may be cut
        return evolve(self, count=whole * self.merged)


def needed_bars(model: Any, bucket: str, exchange: Exchange, symbol: str | None) -> Needed:
    """What the model of a bucket needs of an exchange.

    :param symbol: the market; None for the one that the model was trained on.
    :raise ConfigError: nobody says which market, or the exchange gives no bars of that length.
    :raise ModelError: the model needs more than an exchange gives, or does not say what it needs.
    """
    whose = f"the model of bucket {bucket!r}"
    card, history = getattr(model, "card", None), getattr(model, "history", None)
    try:
        source, merged = float(card.source_seconds), float(card.interval_seconds)  # type: ignore[union-attr]
        columns, named, count = card.uncharged().columns, card.symbol, int(history)  # type: ignore[union-attr,arg-type]
    except (AttributeError, TypeError, ValueError):
        raise ModelError(f"{whose} does not say what bars it reads: give them by --data FILE") from None
    if columns:
        raise ModelError(
            f"{whose} was trained with the column{'s' * (len(columns) > 1)} {', '.join(columns)}, and an exchange gives prices and "
            "volume alone: give bars that have more by --data FILE"
        )
    if not (symbol or named):
        raise ConfigError(f"{whose} does not say which market it was trained on: name one with --symbol BTC/USDT")
    timeframe = timeframe_of(source, exchange.name, exchange.timeframes)
    return Needed(symbol=symbol or named, timeframe=timeframe, count=0, merged=max(1, round(merged / source))).of(count)
