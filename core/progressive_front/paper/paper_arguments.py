"""The arguments of `paper`."""

from __future__ import annotations

import argparse
import re

from progressive_app.config.choices import named
from progressive_core import PROGRAM
from progressive_core.contract.errors import ConfigError
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

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", re.ASCII)


def parser() -> Parser:
    """The parser of the command."""
    command = Parser(
        prog=f"{PROGRAM} paper",
        description="Follow a market bar by bar with a trained model and keep an account of it on paper: position, trades, equity beside "
        "buy and hold. The account is a journal that survives a kill; the same command goes on with it. No order is ever sent.",
        epilog="A file is replayed to its end, and with --follow its new bars from then on; an exchange is followed until Ctrl-C. Of the "
        "settings only RUNS_DIR and MARKET are taken.",
    )
    add_run(command, "a run, a walk-forward or a bucket of one")
    add_bars(command, "a file of bars, which may grow")
    command.add_argument("--follow", action="store_true", help="with --data: wait for new bars at the end of the file")
    add_exchange(command, "an exchange instead of a file")
    command.add_argument("--bucket", metavar="NAME", help="which bucket's model, where the run has several")
    command.add_argument(
        "--from",
        metavar="TIME",
        dest="since",
        help="begin with the first bar of this time (default: the first of a file, the newest of an exchange)",
    )
    command.add_argument(
        "--policy",
        choices=("verdict", "strategy"),
        default="verdict",
        help="verdict (default): flat where no edge was shown; strategy: as its strategy trades, whatever the verdict says",
    )
    command.add_argument(
        "--name", metavar="NAME", help="of the account, in RUN/paper/NAME (default: of its bucket and bars)"
    )
    command.add_argument("--json", action="store_true", help="for programs: one event a line")
    add_configuration(command)
    return command


def run(options: argparse.Namespace) -> int:
    """Do what the parsed options ask for, and return the exit status."""
    path, data, flags = required_path(options.run, "RUN"), path_of(options.bars, "--data"), flags_of(options)
    refuse_settings_but({"RUNS_DIR", "MARKET"}, flags, "used", "paper takes RUNS_DIR and MARKET")
    refuse_bars_but_of_one_place(options, flags)
    if data is None and options.follow:
        raise ConfigError("--follow: goes with --data FILE; an exchange is followed anyway")

    from progressive_front.paper.run_paper import AskedPaper, run_paper

    asked = AskedPaper(
        model=path,
        bucket=named(options.bucket, "--bucket"),
        data=data,
        follow=options.follow or data is None,
        exchange=named(options.exchange, "--exchange", "an exchange"),
        symbol=options.symbol,
        since=options.since,
        policy=options.policy,
        name=_account_name(named(options.name, "--name", "an account")),
        market=flags.get("MARKET"),
    )
    return run_paper(asked, flags, path_of(options.config, "--config"), as_json=options.json)


def _account_name(name: str | None) -> str | None:
    """:raise ConfigError: it is none that a directory in the run may have."""
    if name is not None and not NAME.fullmatch(name):
        raise ConfigError(
            f"--name is {name!r:.60}, expected up to 80 letters, digits, dots, - and _, a letter or digit first"
        )
    return name
