"""Writes a strategy of freqtrade that asks the model, the model, and a configuration with what its card says of the market."""

from __future__ import annotations

import inspect
import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from progressive_training import ModelError
from progressive_training.market import ServedModel

if TYPE_CHECKING:
    from progressive_training import Export
    from progressive_training.market import MarketCard

CONFIG, MODEL = "config.json", "model/model.safetensors"
TIMEFRAMES: dict[int, str] = {
    60 * minutes: name
    for name, minutes in (
        *((f"{count}m", count) for count in (1, 3, 5, 15, 30)),
        *((f"{count}h", 60 * count) for count in (1, 2, 4, 6, 8, 12)),
        *((f"{count}d", 1440 * count) for count in (1, 3)),
        ("1w", 7 * 1440),
    )
}
"""Names of the candle lengths, by seconds."""
QUOTES = ("FDUSD", "USDT", "USDC", "BUSD", "TUSD", "USD", "EUR", "GBP", "BTC", "ETH", "BNB")
"""What prices are in, at the end of a symbol without a sign between its two halves."""
SOME_PAIR = ("BTC", "USDT")
"""Where the bars of a model had no symbol."""
LOADED = {False: 4_999, True: 2_494}
"""Candles of Binance that freqtrade loads at most for a dry run: of its spot market, and of futures."""
FUNDING_HOURS, YEAR_HOURS = 8, 365.25 * 24


def export(asked: Export) -> Mapping[str, str]:
    """Write them.

    :raise ModelError: the model has no trajectory, or needs what candles of freqtrade are not.
    """
    model = asked.model
    if not isinstance(model, ServedModel):
        raise ModelError(
            f"models of bucket {asked.bucket!r} have no trajectory(bars), by which a strategy of freqtrade would trade"
        )
    card = model.card
    timeframe = _timeframe(asked.bucket, card)
    name = f"Progressive{re.sub(r'[^0-9A-Za-z_]', '_', asked.bucket)}"
    shorts = card.costs.allowed == "both"
    base, quote, known = _pair(card.symbol)
    pair = f"{base}/{quote}:{quote}" if shorts else f"{base}/{quote}"
    takes_position = "position" in inspect.signature(type(model).__call__).parameters
    strategy = Template(Path(__file__).with_name("strategy.py.txt").read_text("utf-8")).substitute(
        bucket=asked.bucket,
        name=name,
        timeframe=timeframe,
        can_short=shorts,
        history=model.history,
        policy=asked.policy,
        stake=repr(1 - card.costs.capital * card.costs.side),
        bars_and_position="bars, self.held(metadata)" if takes_position else "bars",
    )
    (asked.out / f"{name}.py").write_text(strategy, "utf-8")
    (asked.out / CONFIG).write_text(json.dumps(_configuration(card, name, timeframe, pair), indent=2) + "\n", "utf-8")
    (asked.out / MODEL).parent.mkdir()
    shutil.copyfile(asked.file, asked.out / MODEL)
    sides = "long and short, futures" if shorts else "long only, spot"
    most = LOADED[shorts]
    too_long = f"; a dry run refuses it, since freqtrade loads {most:,} there at most" if model.history > most else ""
    doubt = "" if known else f"; the bars had no name of a market, so put yours in place of {pair}"
    return {
        f"{name}.py": f"the strategy, {timeframe} candles, {sides}; {model.history:,} candles of history before it trades{too_long}",
        MODEL: "what it asks; keep it beside the strategy",
        CONFIG: f"{pair}, fee {100 * card.costs.side:g} % a side, {100 * card.costs.capital:g} % of the balance, dry run{doubt}. In that directory, "
        f"with freqtrade and progressive-training installed: `freqtrade backtesting -c {CONFIG} --strategy-path . --datadir DIR`",
    }


def _timeframe(bucket: str, card: MarketCard) -> str:
    """The candle length of freqtrade that the bars of a model have.

    :raise ModelError: there is none, or candles lack a column that it was trained with.
    """
    if column := card.costs.funding_column:
        raise ModelError(
            f"{bucket}: candles of freqtrade have no column {column!r}, which FUNDING names; train with a rate a year, such as "
            f"--set FUNDING=0.1"
        )
    if card.columns:
        raise ModelError(
            f"{bucket}: candles of freqtrade have time, prices and volume alone, and it was trained with {', '.join(card.columns)} too; "
            f"train on bars without"
        )
    timeframe: str | None = TIMEFRAMES.get(round(card.interval_seconds))
    if timeframe is None:
        raise ModelError(
            f"{bucket}: its bars of {card.interval_seconds:g} seconds are no candles of freqtrade, which are {', '.join(TIMEFRAMES.values())}; "
            f"train with --set INTERVAL=1h"
        )
    return timeframe


def _pair(symbol: str) -> tuple[str, str, bool]:
    """Base and quote that a `symbol` such as BTCUSDT, BTC/USDT or BTC-USDT:USDT names, and whether it names any."""
    plain = symbol.split(":", maxsplit=1)[0].upper()
    halves = re.fullmatch(r"([0-9A-Z]+)[/_-]([0-9A-Z]+)", plain) or re.fullmatch(
        rf"([0-9A-Z]+?)({'|'.join(QUOTES)})", plain
    )
    return (halves[1], halves[2], True) if halves else (*SOME_PAIR, False)


def _configuration(card: MarketCard, name: str, timeframe: str, pair: str) -> dict[str, Any]:
    """What freqtrade is told beside the strategy: enough to test it, and no key of an exchange."""
    shorts, market_orders = ":" in pair, {"price_side": "other", "use_order_book": True, "order_book_top": 1}
    futures = {
        "margin_mode": "isolated",
        "futures_funding_rate": card.costs.funding * FUNDING_HOURS / YEAR_HOURS,  # where the history has none
    }
    return {
        "dry_run": True,
        "dry_run_wallet": 10_000,
        "strategy": name,
        "timeframe": timeframe,
        "trading_mode": "futures" if shorts else "spot",
        **(futures if shorts else {}),
        "stake_currency": pair.split(":", maxsplit=1)[0].split("/")[1],
        "stake_amount": "unlimited",
        "tradable_balance_ratio": card.costs.capital,
        "max_open_trades": 1,
        "fee": card.costs.side,
        "entry_pricing": market_orders,
        "exit_pricing": market_orders,
        "exchange": {"name": "binance", "pair_whitelist": [pair], "pair_blacklist": []},
        "pairlists": [{"method": "StaticPairList"}],
    }
