"""The arguments of `download`."""

from __future__ import annotations

import argparse

from progressive_core import PROGRAM
from progressive_core.contract.errors import ConfigError
from progressive_front.flags import Parser, required_path


def parser() -> Parser:
    """The parser of the command."""
    command = Parser(
        prog=f"{PROGRAM} download",
        description="Fetch a market's bars from an exchange, by ccxt, into a file that --data reads. A file that is there is continued "
        "from its newest bar on. The bar that is still forming is left out; gaps are named. No key is needed.",
        epilog="Ctrl-C ends it and keeps what was fetched, and so does a kill: the same command goes on. Times are UTC.",
    )
    command.add_argument(
        "--exchange", metavar="NAME", required=True, help="as ccxt writes it: binance, kraken, coinbase"
    )
    command.add_argument(
        "--symbol", metavar="NAME", required=True, help="the market: BTC/USDT; of a perpetual, BTC/USDT:USDT"
    )
    command.add_argument("--timeframe", metavar="LENGTH", required=True, help="of a bar: 1m, 1h, 1d")
    command.add_argument(
        "--since", metavar="TIME", help="the first bar opens here or later; not needed where the file is there"
    )
    command.add_argument("--until", metavar="TIME", help="the last bar opens before (default: now)")
    command.add_argument("--out", metavar="FILE", required=True, help="ends in .csv, .parquet or .feather")
    return command


def run(options: argparse.Namespace) -> int:
    """Do what the parsed options ask for, and return the exit status."""
    since, until = _milliseconds(options.since, "--since"), _milliseconds(options.until, "--until")
    if since is not None and until is not None and since >= until:
        raise ConfigError(f"--until {options.until} is not after --since {options.since}")
    out = required_path(options.out, "--out")

    from progressive_front.commands.download_bars import download_bars
    from progressive_front.download.downloading import AskedDownload

    asked = AskedDownload(symbol=options.symbol, timeframe=options.timeframe, since=since, until=until, out=out)
    return download_bars(options.exchange, asked)


def _milliseconds(text: str | None, flag: str) -> int | None:
    """A time in ISO form as milliseconds since 1970; UTC where it has no zone.

    :raise ConfigError: it is none.
    """
    if text is None:
        return None
    from datetime import UTC, datetime

    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f'{flag} {text}: expected a day or a time like "2017-08-17" or "2017-08-17T04:00"') from None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return round(1000 * moment.timestamp())
