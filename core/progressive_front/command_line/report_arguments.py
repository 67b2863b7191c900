"""The arguments of `report`."""

from __future__ import annotations

import argparse

from progressive_core import PROGRAM
from progressive_front.flags import (
    Parser,
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
        prog=f"{PROGRAM} report",
        description="Write the report of a run again, from its files: report.html and report.json in its directory. Every run "
        "writes it when it ends; this is for one that was copied, that was trained without it, or of which more is known since, "
        "by a transfer-report for example.",
        epilog="Of the settings only RUNS_DIR is taken. The last line names the page.",
    )
    add_run(command)
    shown = command.add_mutually_exclusive_group()
    shown.add_argument("--json", action="store_true", help="for programs: show report.json")
    shown.add_argument("--open", action="store_true", help="open the page in the browser")
    command.add_argument("--png", action="store_true", help="draw report.png too, a picture to embed; needs matplotlib")
    add_configuration(command)
    return command


def run(options: argparse.Namespace) -> int:
    """Do what the parsed options ask for, and return the exit status."""
    path, flags = required_path(options.run, "RUN"), flags_of(options)
    refuse_settings_but({"RUNS_DIR"}, flags, "reported on", "report takes RUNS_DIR")

    from progressive_front.commands.show_report import show_report

    config = path_of(options.config, "--config")
    return show_report(path, flags, config, as_json=options.json, to_open=options.open, png=options.png)
