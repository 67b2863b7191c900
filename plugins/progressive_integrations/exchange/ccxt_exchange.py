"""Bars of an exchange by ccxt: public data alone, so that no key is needed or read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from email.utils import parsedate_to_datetime
from time import time
from typing import Any

from progressive_training import ConfigError, DataError, PluginError, TryLater

SECONDS = 30.0
"""How long a request may take."""
PAGE = 500
"""Bars of a request where ccxt does not know how many an exchange gives."""
REFUSED = (403, 451)
"""HTTP statuses of an exchange that does not serve a country, or a hosting provider."""
LISTED = 12


class CcxtExchange:
    """One exchange of ccxt, which paces its requests as the exchange asks for.

    :param made: an object of one of ccxt's classes.
    """

    def __init__(self, made: Any, ccxt: Any) -> None:
        self._made, self._ccxt = made, ccxt
        self.name: str = made.id
        self.timeframes: Sequence[str] = tuple(made.timeframes or ())

    def market(self, symbol: str) -> str:
        with self._errors():
            known = self._made.load_markets()
        if symbol in known:
            return symbol
        plain = [name for name in known if _plain(name) == _plain(symbol)]
        named = [name for name, each in known.items() if str(each["id"]).upper() == symbol.upper()]
        if found := sorted(
            {*plain, *named}, key=lambda name: (":" in name, name)
        ):  # spot before what settles in another asset
            return str(found[0])
        near = get_close_matches(_plain(symbol), by_plain := {_plain(name): name for name in known}, n=1)
        guess = f" Did you mean {by_plain[near[0]]!r}?" if near else ""
        base = _plain(symbol.split("/", maxsplit=1)[0])
        same = sorted(name for name, each in known.items() if _plain(str(each["base"])) == base)
        there = f" Of {base} there are: {', '.join(same[:LISTED])}{', ...' * (len(same) > LISTED)}" if same else ""
        raise ConfigError(f"--symbol {symbol}: {self.name} has no such market.{guess}{there}")

    def page(self, market: str) -> int:
        return int(self._made.feature_value(market, "fetchOHLCV", "limit", PAGE) or PAGE)

    def now(self) -> int:
        if self._made.has.get("fetchTime"):
            with self._errors():
                if (told := self._made.fetch_time()) is not None:
                    return int(told)
        return int(1000 * time())

    def candles(self, market: str, timeframe: str, since: int | None, limit: int) -> Sequence[Sequence[float]]:
        with self._errors():
            rows: list[list[float]] = self._made.fetch_ohlcv(market, timeframe, since, limit)
            return rows

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Within it, what ccxt raises is one of our errors: of ccxt's own, some say what can be asked again."""
        try:
            yield
        except self._ccxt.BaseError as error:
            answer = getattr(error.__cause__ or error.__context__, "response", None)
            status = getattr(answer, "status_code", None)
            if status in REFUSED or isinstance(error, self._ccxt.RestrictedLocation):
                raise DataError(
                    f"{self.name} refuses to answer from here{f' (HTTP {status})' if status else ''}: it does not serve every country "
                    "and every hosting provider; ask from elsewhere, or another exchange"
                ) from error
            if isinstance(error, self._ccxt.RateLimitExceeded | self._ccxt.DDoSProtection) or status == 429:
                raise TryLater(f"{self.name} asks to be asked less often", _asked_for(answer)) from error
            if isinstance(error, self._ccxt.OnMaintenance):
                raise TryLater(f"{self.name} is being maintained", _asked_for(answer)) from error
            if isinstance(error, self._ccxt.OperationFailed) and status not in (400, 404, 405):
                slow = isinstance(error, self._ccxt.RequestTimeout)
                how = f"HTTP {status}" if status else "no answer in time" if slow else "no connection"
                raise TryLater(f"{self.name} cannot be reached ({how})", _asked_for(answer)) from error
            raise DataError(f"{self.name}: {_short(error)}") from error


def open_exchange(name: str) -> CcxtExchange:
    """The exchange that ccxt calls `name`. Nothing is asked of it yet.

    :raise ConfigError: ccxt has none of the name, or it gives no bars. :raise PluginError: ccxt is not installed.
    """
    try:
        import ccxt
    except ImportError:
        raise PluginError(f"--exchange {name} needs ccxt: pip install 'progressive-training[live]'") from None
    if name not in ccxt.exchanges:
        near = get_close_matches(name.casefold(), ccxt.exchanges, n=1)
        guess = f" Did you mean {near[0]!r}?" if near else ""
        raise ConfigError(f"--exchange {name}: ccxt {ccxt.__version__} knows no exchange of this name.{guess}")
    made = getattr(ccxt, name)({"enableRateLimit": True, "timeout": 1000 * SECONDS})
    if made.has.get("fetchOHLCV") is not True:
        raise ConfigError(f"--exchange {name}: it gives no bars by its public interface; take another exchange")
    return CcxtExchange(made, ccxt)


def _plain(name: str) -> str:
    return name.upper().translate({ord(letter): None for letter in "-/_ "})


def _asked_for(answer: Any) -> float:
    """Seconds of a Retry-After header, which may hold a time too; 0 without one."""
    said = getattr(answer, "headers", {}).get("Retry-After", "") if answer is not None else ""
    with suppress(ValueError):
        return max(0.0, float(said))
    with suppress(ValueError, TypeError):
        return max(0.0, parsedate_to_datetime(said).timestamp() - time())
    return 0.0


def _short(error: BaseException) -> str:
    """What went wrong, without the page that a server may have sent."""
    return f"{type(error).__name__}: {error!s:.200}"
