"""The arguments of `signal`."""

from __future__ import annotations

import argparse

from progressive_app.config.choices import named
from progressive_core import PROGRAM
from progressive_front.flags import (
    Parser,
    add_bars,
    add_configuration,
    add_exchange,
    add_run,
    flags_of,
    path_of,
    refuse_bars_but_of_one_place,
    refuse_settings_but,
    required_path,
)


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
    add_run(command, "a run, a walk-forward or a bucket of one")
    add_bars(command, "the bars up to now")
    add_exchange(command, "take as many bars as the models look back from this exchange, by ccxt")
    command.add_argument("--bucket", metavar="NAME", help="of this bucket alone")
    command.add_argument(
        "--position",
        choices=("flat", "long", "short"),
        default="flat",
        help="what is held now (default: flat); a model that pays for each trade may decide otherwise in another position",
    )
    command.add_argument("--json", action="store_true", help="for programs")
    add_configuration(command)
    return command


def run(options: argparse.Namespace) -> int:
    """Do what the parsed options ask for, and return the exit status."""
    path, bars, flags = required_path(options.run, "RUN"), path_of(options.bars, "--data"), flags_of(options)
    refuse_settings_but({"RUNS_DIR", "MARKET"}, flags, "used", "signal takes RUNS_DIR and MARKET")
    refuse_bars_but_of_one_place(options, flags)
    bucket = named(options.bucket, "--bucket")

    from progressive_front.commands.show_signal import AskedExchange, show_signal

    config = path_of(options.config, "--config")
    source = AskedExchange(name=options.exchange, symbol=options.symbol) if bars is None else bars
    return show_signal(path, flags, config, source, bucket, options.position, as_json=options.json)
