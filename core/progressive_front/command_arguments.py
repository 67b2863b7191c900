"""The commands, and which of them a command line is handed to.

Each is a module with two functions: `parser()`, which reads its arguments, and `run(options)`, which does what they ask for. It is
imported when it is asked for.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from importlib import import_module
from typing import Protocol, cast

from progressive_core.contract.errors import ConfigError
from progressive_core.contract.suggest import did_you_mean
from progressive_front.flags import Parser

TRAIN = "progressive_front.command_line.train_arguments"
"""What a command line without a command is handed to."""
COMMANDS: Mapping[str, str] = {
    "study": "progressive_front.study.study_arguments",
    "walk-forward": "progressive_front.study.walk_arguments",
    "tune": "progressive_front.tune.tune_arguments",
    "plugins": "progressive_front.command_line.plugins_arguments",
    "config": "progressive_front.command_line.config_arguments",
    "runs": "progressive_front.command_line.runs_arguments",
    "download": "progressive_front.command_line.download_arguments",
    "evaluate": "progressive_front.command_line.evaluate_arguments",
    "signal": "progressive_front.command_line.signal_arguments",
    "paper": "progressive_front.paper.paper_arguments",
    "report": "progressive_front.command_line.report_arguments",
    "transfer-report": "progressive_front.command_line.transfer_report_arguments",
    "challenge": "progressive_front.command_line.challenge_arguments",
    "export": "progressive_front.export.export_arguments",
}


class Command(Protocol):
    """What the module of a command has."""

    def parser(self) -> Parser:
        """The parser of its arguments. Nothing is run, and nothing heavy imported."""

    def run(self, options: argparse.Namespace) -> int:
        """Do what the parsed `options` ask for, and return the exit status.

        :raise ProgressiveTrainingError: something the user can mend.
        """


def command_in(module: str) -> Command:
    """The command that a module is."""
    return cast("Command", import_module(module))


def dispatch(arguments: list[str]) -> int:
    """Do what the arguments ask for: the first word chooses a command; without one, train.

    :return: the exit status.
    :raise ProgressiveTrainingError: something the user can mend.
    """
    module = TRAIN
    if arguments and not arguments[0].startswith("-"):
        name, *arguments = arguments
        if name not in COMMANDS:
            raise ConfigError(
                f"unknown command {name!r}.{did_you_mean(name, COMMANDS)} "
                f"Known: {', '.join(COMMANDS)}; without a command, buckets are trained."
            )
        module = COMMANDS[name]
    command = command_in(module)
    return command.run(command.parser().parse_args(arguments))
