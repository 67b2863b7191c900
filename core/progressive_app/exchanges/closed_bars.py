"""Bars of an exchange, page after page: asked again where it does not answer, checked, and closed ones alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from time import sleep
from typing import TYPE_CHECKING, TypeVar

from progressive_app.exchanges.named_exchange import Candle, Exchange, TryLater
from progressive_app.exchanges.timeframes import checked_timeframe, seconds_of
from progressive_app.machine.logs import get_logger
from progressive_app.presentation.quantities import utc_text_of
from progressive_core.contract.errors import DataError, PluginError, ProgressiveTrainingError
from progressive_core.plugins.blame import describe_error

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")
COLUMNS = ("time", "open", "high", "low", "close", "volume")
ATTEMPTS = 7
"""How often one question is asked: with the waits between, for a minute where the exchange asks for no more."""
LONGEST_WAIT = 600.0
"""Seconds that an exchange is waited for where it says how long it wants to be left alone."""
NEWEST = 2
"""Bars that are asked for to see where a market ends: one may still be forming."""

log = get_logger()


def patiently(exchange: Exchange, ask: Callable[[], T]) -> T:
    """The answer of an exchange, which is asked again, after waits that double, where it says that it may be.

    :raise TryLater: it does not answer in seven attempts, or wants to be left alone for more than ten minutes.
    :raise PluginError: the exchange failed.
    """
    for attempt in range(ATTEMPTS):
        try:
            return ask()
        except TryLater as error:
            wait = max(error.seconds, 2.0**attempt)
            if attempt + 1 == ATTEMPTS or wait > LONGEST_WAIT:
                asked = f"; it asks to be left alone for {wait:.0f} s" if wait > LONGEST_WAIT else ""
                raise TryLater(f"{error}{asked}. Try again later", error.seconds) from error
            line = f"{error}; asked again in {wait:.0f} s"
            log.warning(line)
            sleep(wait)
        except ProgressiveTrainingError:
            raise
        except Exception as error:
            raise PluginError(f"exchange {exchange.name!r} failed: {describe_error(error)}") from error
    raise AssertionError("unreachable")


def closed_pages(
    exchange: Exchange, market: str, timeframe: str, since: int, until: int | None = None
) -> Iterator[Sequence[Candle]]:
    """The bars that open from `since` on, and before `until`, and have closed when the first is asked for: page by page, in order.
    Those without a price are left out, with a warning behind the last page.

    A page without bars is given too where nothing was traded for so long. Times are milliseconds since 1970.

    :raise ConfigError: the exchange has no such bars. :raise DataError: it answers nonsense, not at all, or gives only some of them.
    """
    step = 1000 * (seconds_of(checked_timeframe(timeframe, exchange.timeframes, exchange.name)) or 0)
    now = patiently(exchange, exchange.now)  # before the bars: what closes meanwhile may be incomplete among them
    end = now - step + 1 if until is None else min(now - step + 1, until)
    newest = _page(exchange, market, timeframe, None, NEWEST)
    end = min(end, int(newest[-1][0]) + 1 if newest else 0)  # else a delisted market would be asked for up to this day
    expected = max((int(row[0]) for row in newest if since <= row[0] < end), default=since)
    limit, begin, reached = patiently(exchange, lambda: exchange.page(market)), since, since
    unpriced: list[Candle] = []
    while begin < end:
        page = [row for row in _page(exchange, market, timeframe, begin, limit) if row[0] >= begin]
        closed = [
            row for row in page if row[0] < end
        ]  # not the last alone: one of the future would hide those before it
        yield [row for row in closed if has_prices(row)]
        unpriced += (row for row in closed if not has_prices(row))
        reached = int(closed[-1][0]) if closed else reached
        begin = reached + step if closed else end if page else begin + limit * step
    if unpriced:
        counted = f"{len(unpriced):,} of its bars of {market} have" if len(unpriced) > 1 else f"a bar of {market} has"
        line = f"{exchange.name}: {counted} no price, first that of {utc_text_of(int(unpriced[0][0]))}: left out"
        log.warning(line)
    if reached < expected - step:  # one bar late is an exchange that closes it now
        raise DataError(
            f"{exchange.name}: its newest bar of {market} is of {utc_text_of(expected)}, and it gives none behind "
            f"{utc_text_of(reached)}; ask again later, or another exchange"
        )


def has_prices(row: Candle) -> bool:
    """Whether open, high, low and close are prices: what `load_bars` would leave out is no bar."""
    return all(0 < price < math.inf for price in row[1:5])


def newest_bars(exchange: Exchange, symbol: str, timeframe: str, count: int) -> pd.DataFrame:
    """The newest closed bars of a market, as whatever reads bars takes them: `load_bars`, or a model.

    :param exchange: as `exchange_named` gives it. :param symbol: the market in any spelling: BTC/USDT, BTCUSDT. :param timeframe: "1h".
    :param count: how many. There are fewer where the market had gaps, is young, or the exchange gives no older ones.
    :return: columns time (UTC), open, high, low, close, volume, and symbol, the market's name; oldest first. Each bar has closed by the
        exchange's clock.
    :raise ConfigError: it has no such market, or no such bars. :raise DataError: it does not answer, or has no bar.
    """
    import pandas as pd

    checked_timeframe(timeframe, exchange.timeframes, exchange.name)
    market = patiently(exchange, lambda: exchange.market(symbol))
    step = 1000 * (seconds_of(timeframe) or 0)
    since = patiently(exchange, exchange.now) - (count + 1) * step
    rows = [row for page in closed_pages(exchange, market, timeframe, since) for row in page][-count:]
    if not rows:
        raise DataError(f"{exchange.name}: no closed bar of {market} with a price in the last {count:,} of {timeframe}")
    frame = pd.DataFrame(rows, columns=list(COLUMNS)).astype({"time": "int64"})
    frame.attrs["source"] = f"{market} {timeframe} of {exchange.name}"  # what errors about these bars call them
    return frame.assign(time=pd.to_datetime(frame["time"], unit="ms", utc=True), symbol=market)


def _page(exchange: Exchange, market: str, timeframe: str, since: int | None, limit: int) -> list[Candle]:
    """The bars of one request in order, each time once; a number that is not given is NaN."""
    rows = patiently(exchange, lambda: exchange.candles(market, timeframe, since, limit))
    try:
        whole = {
            int(row[0]): (int(row[0]), *(math.nan if value is None else float(value) for value in row[1:6]))
            for row in rows
        }
        if not all(len(row) == len(COLUMNS) for row in whole.values()):
            raise ValueError("a bar has six numbers")
    except (TypeError, ValueError, IndexError, OverflowError) as error:
        raise DataError(
            f"{exchange.name}: what it gave for bars of {market} is no list of bars; ask again later"
        ) from error
    return [whole[time] for time in sorted(whole)]
