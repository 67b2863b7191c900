"""An exchange that answers freqtrade without a network."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

HOUR = 3_600_000


def market_of(pair: str) -> dict[str, Any]:
    """What an exchange says of the market of a `pair`, without least amounts or steps to speak of."""
    futures, nothing = ":" in pair, {"min": None, "max": None}
    kind = {"type": "swap" if futures else "spot", "spot": not futures, "swap": futures, "contract": futures}
    limits = {"amount": nothing, "price": nothing, "cost": nothing, "leverage": {"min": 1, "max": 1}}
    names = {"symbol": pair, "id": "BTCUSDT", "base": "BTC", "quote": "USDT", "settle": "USDT" if futures else None}
    others = {"future": False, "option": False, "linear": futures or None, "inverse": None, "active": True, "info": {}}
    exact = {"precision": {"amount": 1e-8, "price": 1e-8}, "contractSize": 1 if futures else None}
    return {**names, "baseId": "BTC", "quoteId": "USDT", **kind, **others, **exact, "limits": limits}


class Binance:
    """Answers what freqtrade asks of ccxt for Binance, from `candles`: closed ones, and the open of the one that forms now."""

    def __init__(self, candles: pd.DataFrame, pair: str) -> None:
        self.times = (candles["date"] - pd.Timestamp(0, tz="UTC")) // pd.Timedelta("1ms")
        self.rows = [[time, *row] for time, row in zip(self.times, candles.iloc[:, 1:].values.tolist(), strict=True)]
        self.pair, self.market = pair, market_of(pair)

    def forming(self) -> int:
        from freqtrade.util import dt_ts

        return int(np.searchsorted(self.times, dt_ts(), side="right")) - 1

    def price(self) -> float:
        return float(self.rows[self.forming()][1])

    def api(self, _config: Any, sync: bool, _arguments: Any) -> Any:
        """In place of what makes an object of ccxt, which is one of ccxt but for what would need a network."""
        import ccxt.pro

        made = (ccxt if sync else ccxt.pro).binance(
            {"options": {"defaultType": "swap" if ":" in self.pair else "spot"}}
        )
        for name in ("fetch_l2_order_book", "fetch_tickers", "fetch_bids_asks"):
            setattr(made, name, getattr(self, name))
        if not sync:
            for name in ("fetch_ohlcv", "fetch_funding_rate_history"):
                setattr(made, name, getattr(self, name))
            made.load_markets = self.load_markets(made)
        return made

    def load_markets(self, api: Any) -> Any:
        async def load(reload: bool = False, params: Any = None) -> Any:
            api.set_markets([self.market])
            return api.markets

        return load

    async def fetch_ohlcv(
        self, symbol: str, timeframe: str = "1h", since: int | None = None, limit: int = 500, params: Any = None
    ) -> list[list[float]]:
        last = self.forming()
        first = last + 1 - limit if since is None else int(np.searchsorted(self.times, since))
        closed = self.rows[first : min(last, first + limit)]
        return closed + [[self.rows[last][0], *[self.price()] * 4, 0.0]] * (len(closed) < limit)

    async def fetch_funding_rate_history(self, symbol: str, since: int, limit: int = 500) -> list[dict[str, float]]:
        times = [row[0] for row in await self.fetch_ohlcv(symbol, since=since, limit=limit)]
        return [{"timestamp": time, "fundingRate": 0.0} for time in times if time % (8 * HOUR) == 0]

    def fetch_l2_order_book(self, symbol: str, limit: int | None = None) -> dict[str, list[list[float]]]:
        return {"bids": [[self.price(), 1e9]], "asks": [[self.price(), 1e9]]}

    def fetch_tickers(self, symbols: Any = None, params: Any = None) -> dict[str, Any]:
        price = self.price()
        return {self.pair: {"symbol": self.pair, "bid": price, "ask": price, "last": price, "quoteVolume": 1e9}}

    fetch_bids_asks = fetch_tickers


@pytest.fixture
def binance() -> type[Binance]:
    """`binance(candles, pair)`."""
    return Binance
