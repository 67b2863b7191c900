"""The arguments of `runs`."""

from __future__ import annotations

import argparse

from progressive_core import PROGRAM
from progressive_front.flags import Parser, add_configuration, flags_of, path_of


def parser() -> Parser:
    """The parser of the command."""
    command = Parser(prog=f"{PROGRAM} runs", description="List the runs in RUNS_DIR, oldest first.")
    command.add_argument("--json", action="store_true", help="for programs")
    add_configuration(command)
    return command


def run(options: argparse.Namespace) -> int:
    """Do what the parsed options ask for, and return the exit status."""
    from progressive_front.commands.listings import show_runs

    return show_runs(flags_of(options), path_of(options.config, "--config"), as_json=options.json)
