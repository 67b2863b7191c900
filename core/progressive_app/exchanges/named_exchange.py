"""What an exchange, or a broker, must be able to do to give bars, and the one that a name leads to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from progressive_app.discovery.named_object import named_object, names_in
from progressive_core.contract.errors import DataError, PluginError, ProgressiveTrainingError
from progressive_core.plugins.blame import describe_error

GROUP = "progressive_training.exchanges"
ANY = "ccxt"
"""The entry point that is asked for an exchange of any other name."""
Candle = Sequence[float]
"""A bar as ccxt gives it: its open in milliseconds since 1970, then open, high, low, close and volume in the base asset."""


class TryLater(DataError):
    """An exchange does not answer, or asks to be asked less often: the same question may be answered later.

    :param seconds: how long it asks to be left alone; 0 where it does not say.
    """

    def __init__(self, message: str, seconds: float = 0.0) -> None:
        super().__init__(message)
        self.seconds = seconds


class Exchange(Protocol):
    """Gives public bars. It paces its own requests, and needs no key.

    `name` is what messages call it, `timeframes` are the lengths of bars that it gives, as ccxt writes them: "1m", "4h", "1d".
    """

    name: str
    timeframes: Sequence[str]

    def market(self, symbol: str) -> str:
        """The market's name as it is kept beside the bars, like BTC/USDT, for a name in the user's spelling.

        :raise ConfigError: there is no such market; the message names the nearest.
        """

    def page(self, market: str) -> int:
        """How many bars one request gives at most."""

    def now(self) -> int:
        """The exchange's time in milliseconds since 1970, or this machine's where the exchange does not say."""

    def candles(self, market: str, timeframe: str, since: int | None, limit: int) -> Sequence[Candle]:
        """Up to `limit` bars, by one request: those from `since` on (milliseconds since 1970) or, without it, the newest.

        There may be none in a stretch in which nothing was traded, and the last one may still be forming.

        :raise TryLater: it may be asked again. :raise DataError: it gives none, and will not.
        """


def exchange_named(name: str) -> Exchange:
    """The exchange of that name: what the entry point of this name opens, or else the one called `ccxt`.

    :raise ConfigError: there is none of the name. :raise PluginError: what it needs is not installed, or it cannot be opened.
    """
    opens = named_object(GROUP, "exchange", name if name in names_in(GROUP) else ANY, "--exchange")
    try:
        exchange: Exchange = opens(name)
    except ProgressiveTrainingError:
        raise
    except Exception as error:
        raise PluginError(f"exchange {name!r} cannot be opened: {describe_error(error)}") from error
    return exchange
