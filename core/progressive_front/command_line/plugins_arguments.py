"""The arguments of `plugins`."""

from __future__ import annotations

import argparse

from progressive_app.config.choices import plugin_choices
from progressive_core import PROGRAM
from progressive_front.flags import Parser, add_configuration, add_plugin_choice, flags_of, path_of


def parser() -> Parser:
    """The parser of the command."""
    command = Parser(
        prog=f"{PROGRAM} plugins",
        description="List the installed buckets, transfers and plugins; import none disabled.",
    )
    command.add_argument("--json", action="store_true", help="for programs")
    add_configuration(command)
    add_plugin_choice(command)
    return command


def run(options: argparse.Namespace) -> int:
    """Do what the parsed options ask for, and return the exit status."""
    from progressive_front.commands.listings import show_plugins

    chosen = plugin_choices(options.plugins, "-p")
    return show_plugins(flags_of(options), path_of(options.config, "--config"), chosen, as_json=options.json)
