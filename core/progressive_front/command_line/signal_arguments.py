"""The arguments of `signal`."""

from __future__ import annotations

import argparse

from progressive_app.config.choices import named
from progressive_core import PROGRAM
from progressive_core.contract.errors import ConfigError
from progressive_front.flags import Parser, add_configuration, flags_of, path_of, refuse_settings_but, required_path


def parser() -> Parser:
    """The parser of the command."""
    command = Parser(
        prog=f"{PROGRAM} signal",
        description="Show what a run's models decide on the newest closed bar of a file or an exchange, to be executed at the open of "
        "the next bar: flat, long or short, why, and the return that is expected over the longest horizon. A bar that is "
        "still forming is left out. The exit status is 0 whatever they decide.",
        epilog="Of the settings only RUNS_DIR and MARKET are taken: each model knows how its bars are read. --json has the value of "
        "each action and the expected return over each horizon.",
    )
    command.add_argument("run", metavar="RUN", help="the directory of a run or a walk-forward, or its name")
    command.add_argument("--data", metavar="FILE", dest="bars", help="the bars up to now")
    command.add_argument(
        "--exchange",
        metavar="NAME",
        help="take as many bars as the models look back from this exchange, by ccxt: binance, kraken",
    )
    command.add_argument(
        "--symbol",
        metavar="NAME",
        help="with --exchange: the market, like BTC/USDT (default: the one that a model was trained on)",
    )
    command.add_argument("--bucket", metavar="NAME", help="of this bucket alone")
    command.add_argument(
        "--position",
        choices=("flat", "long", "short"),
        default="flat",
        help="what is held now (default: flat); a model that pays for each trade may decide otherwise in another position",
    )
    command.add_argument("--market", metavar="NAME", help="the market to take where the file holds several")
    command.add_argument("--json", action="store_true", help="for programs")
    add_configuration(command)
    return command


def run(options: argparse.Namespace) -> int:
    """Do what the parsed options ask for, and return the exit status."""
    path, bars, flags = required_path(options.run, "RUN"), path_of(options.bars, "--data"), flags_of(options)
    refuse_settings_but({"RUNS_DIR", "MARKET"}, flags, "used", "signal takes RUNS_DIR and MARKET")
    if (bars is None) == (options.exchange is None):
        raise ConfigError("give either --data FILE or --exchange NAME: where the bars up to now are")
    if options.symbol is not None and bars is not None:
        raise ConfigError("--symbol goes with --exchange; the market of a file is chosen with --market")
    if "MARKET" in flags and bars is None:
        raise ConfigError("--market goes with --data; the market of an exchange is chosen with --symbol")
    bucket = named(options.bucket, "--bucket")

    from progressive_front.commands.show_signal import AskedExchange, show_signal

    config = path_of(options.config, "--config")
    source = AskedExchange(name=options.exchange, symbol=options.symbol) if bars is None else bars
    return show_signal(path, flags, config, source, bucket, options.position, as_json=options.json)
