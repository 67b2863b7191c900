"""The arguments of `transfer-report`."""

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
        prog=f"{PROGRAM} transfer-report",
        description="Show what each bucket of a run gained from what it was taught, beside the same bucket from scratch "
        "(trained by --scratch-arms): jumpstart, episodes to 90 % of scratch's best, best score, area ratio, each without "
        "and with the episodes of the buckets that taught it (Taylor and Stone 2009); how every model does on every "
        "bucket, with forward and backward transfer (GEM, arXiv 1706.08840); and what each strategy did, and took.",
        epilog="It is also written into the run's directory, as transfer.json and transfer.md, and as transfer.png where "
        "matplotlib is installed.",
    )
    add_run(command)
    command.add_argument("--json", action="store_true", help="for programs")
    add_configuration(command)
    return command


def run(options: argparse.Namespace) -> int:
    """Do what the parsed options ask for, and return the exit status."""
    path, flags = required_path(options.run, "RUN"), flags_of(options)
    refuse_settings_but({"RUNS_DIR"}, flags, "reported on", "transfer-report takes RUNS_DIR")

    from progressive_front.commands.show_transfer_report import show_transfer_report

    return show_transfer_report(path, flags, path_of(options.config, "--config"), as_json=options.json)
