"""The arguments of `evaluate`."""

from __future__ import annotations

import argparse

from progressive_core import PROGRAM
from progressive_core.contract.errors import ConfigError
from progressive_front.flags import (
    Parser,
    add_bars,
    add_configuration,
    add_run,
    flags_of,
    path_of,
    refuse_settings_but,
    required_path,
)


def parser() -> Parser:
    """The parser of the command."""
    command = Parser(
        prog=f"{PROGRAM} evaluate",
        description="Show each model of a run and its baselines, net of costs: on validation and test data as they "
        "were measured when the verdict was made, or on a file of other bars, at the costs that the run was begun with.",
        epilog="Of the settings only RUNS_DIR is taken and, with --data, MARKET: each model knows how its bars are read.",
    )
    add_run(command, "a run or a walk-forward")
    add_bars(command, "measure the models on these bars instead")
    command.add_argument(
        "--since", metavar="TIME", help="with --data: from this time on; bars before are history alone"
    )
    command.add_argument("--json", action="store_true", help="for programs")
    add_configuration(command)
    return command


def run(options: argparse.Namespace) -> int:
    """Do what the parsed options ask for, and return the exit status."""
    path, bars = required_path(options.run, "RUN"), path_of(options.bars, "--data")
    if options.since is not None and bars is None:
        raise ConfigError("--since goes with --data FILE, the bars that are measured on")
    flags = flags_of(options)
    taken = {"RUNS_DIR"} | ({"MARKET"} if bars is not None else set())
    takes = "evaluate takes RUNS_DIR and, with --data FILE, MARKET"
    refuse_settings_but(taken, flags, "evaluated", takes)

    from progressive_front.commands.show_evaluation import show_evaluation

    return show_evaluation(path, flags, path_of(options.config, "--config"), bars, options.since, as_json=options.json)
