"""The arguments of `config`."""

from __future__ import annotations

import argparse

from progressive_app.config.choices import plugin_choices
from progressive_core import PROGRAM
from progressive_front.flags import Parser, add_configuration, add_plugin_choice, flags_of, path_of


def parser() -> Parser:
    """The parser of the command."""
    command = Parser(
        prog=f"{PROGRAM} config",
        description="List every setting: its value with these flags, where that is from, its owner and its meaning.",
    )
    command.add_argument("--json", action="store_true", help="for programs")
    command.add_argument("--schema", action="store_true", help="the JSON Schema of config.json, for editors")
    add_configuration(command)
    add_plugin_choice(command)
    return command


def run(options: argparse.Namespace) -> int:
    """Do what the parsed options ask for, and return the exit status."""
    from progressive_front.commands.show_config import show_config

    return show_config(
        flags_of(options),
        path_of(options.config, "--config"),
        plugin_choices(options.plugins, "-p"),
        as_json=options.json,
        as_schema=options.schema,
    )
