"""Where the bars come from that an account follows: a file that may grow, or an exchange."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from attrs import evolve

from progressive_app.exchanges.closed_bars import patiently
from progressive_app.machine.logs import get_logger
from progressive_core.contract.errors import DataError
from progressive_front.commands.exchange_bars import needed_bars

log = get_logger()


class Feed(Protocol):
    """Gives the newest bars. `name` is what messages call it, `soonest` how many seconds lie between two looks at least."""

    name: str
    soonest: float

    def newest(self, count: int) -> Any:
        """At least the newest `count` bars, as a model takes them, if it has so many; None where nothing can have changed.

        :raise DataError: there are none now.
        """


class FileFeed:
    """A file, which is read whole when its size or time changes."""

    soonest = 1.0

    def __init__(self, file: Path) -> None:
        self.name, self._file = file.name, file
        self._seen: tuple[int, int] | None = None

    def newest(self, count: int) -> Any:
        try:
            stat = self._file.stat()
        except OSError as error:
            raise DataError(f"{self._file}: cannot be read ({error.strerror})") from error
        if (stat.st_mtime_ns, stat.st_size) == self._seen:
            return None
        self._seen = stat.st_mtime_ns, stat.st_size
        return self._file


class ExchangeFeed:
    """The public candles of an exchange; it is asked for no more than is needed."""

    soonest = 5.0

    def __init__(self, exchange: str, model: Any, bucket: str, symbol: str | None) -> None:
        """Ask the exchange what it calls the market; where it does not answer, `name` has the spelling that was given.

        :param symbol: the market; None for the one that the model of `bucket` was trained on.
        :raise ConfigError: there is no such exchange or market, or an extra is missing. :raise ModelError: an exchange does not give what
            the model needs.
        """
        self._exchange = import_module("progressive_training").exchange_named(exchange)
        needed = needed_bars(model, bucket, self._exchange, symbol)
        try:
            market = patiently(self._exchange, lambda: self._exchange.market(needed.symbol))
        except DataError as error:
            log.warning(str(error))
            market = needed.symbol
        self._needed = evolve(needed, symbol=market)
        self.name = f"{self._needed.symbol} of {exchange}"

    def newest(self, count: int) -> Any:
        return self._needed.of(count).fetch(self._exchange)
