"""The arguments of `challenge`."""

from __future__ import annotations

import argparse

from progressive_app.config.choices import named, plugin_choices
from progressive_core import PROGRAM
from progressive_front.flags import (
    Parser,
    add_configuration,
    add_plugin_choice,
    add_run,
    flags_of,
    path_of,
    refuse_settings_but,
    required_path,
)


def parser() -> Parser:
    """The parser of the command."""
    command = Parser(
        prog=f"{PROGRAM} challenge",
        description="Show how the strategies of a run break: each is attacked with late fills, rising costs, features that fail, "
        "outages and other paths of the price, and judged by the other models of the run. Nothing is trained.",
        epilog="It is also written into the run's directory, as challenge.json and challenge.md, which `report` shows too. Of the "
        "settings only RUNS_DIR is taken.",
    )
    add_run(command, "a run or a bucket of one")
    command.add_argument(
        "--bucket", metavar="NAME", help="attack this bucket's model alone; the others judge it all the same"
    )
    command.add_argument(
        "--test",
        action="store_true",
        help="on the test part instead of validation; how often that was done is recorded, since what is chosen by it is not tested "
        "by it any more",
    )
    command.add_argument("--json", action="store_true", help="for programs")
    add_configuration(command)
    add_plugin_choice(command)
    return command


def run(options: argparse.Namespace) -> int:
    """Do what the parsed options ask for, and return the exit status."""
    path, flags = required_path(options.run, "RUN"), flags_of(options)
    refuse_settings_but({"RUNS_DIR"}, flags, "challenged", "challenge takes RUNS_DIR")

    from progressive_front.commands.show_challenge import show_challenge
    from progressive_studies.challenge.challenging import Challenge

    asked = Challenge(
        part="test" if options.test else "validation",
        bucket=named(options.bucket, "--bucket"),
        choices=plugin_choices(options.plugins, "-p"),
    )
    return show_challenge(path, flags, path_of(options.config, "--config"), asked, as_json=options.json)
