"""The arguments of `export`."""

from __future__ import annotations

import argparse

from progressive_app.config.choices import named
from progressive_core import PROGRAM
from progressive_front.flags import (
    Parser,
    add_bars,
    add_configuration,
    flags_of,
    path_of,
    refuse_settings_but,
    required_path,
)


def parser() -> Parser:
    """The parser of the command."""
    command = Parser(
        prog=f"{PROGRAM} export",
        description="Write a trained model, or what it did, as files that another tool reads. The files are written whole or not at "
        "all, and never over others.",
        epilog="Exporters of other packages are found in the entry-point group progressive_training.exporters. Of the settings only "
        "RUNS_DIR is taken and, with --data, MARKET.",
    )
    command.add_argument(
        "model", metavar="RUN/Bucket", help="a bucket of a run or a walk-forward, or the path of a model"
    )
    command.add_argument("--bucket", metavar="NAME", help="which bucket's model, where only the run is named")
    command.add_argument(
        "--to",
        metavar="NAME",
        required=True,
        help="what for: onnx, backtesting, quantstats, freqtrade, or one installed",
    )
    command.add_argument("--out", metavar="DIR", help="the directory to make (default: exports/RUN-Bucket-NAME)")
    add_bars(command, "on these bars instead of those of its run")
    command.add_argument(
        "--since",
        metavar="TIME",
        help="trade from this time on (default: behind the training part of its run, or with --data on all bars)",
    )
    command.add_argument(
        "--policy",
        choices=("verdict", "strategy"),
        default="verdict",
        help="verdict (default): flat where no edge was shown; strategy: as its strategy trades, whatever the verdict says",
    )
    command.add_argument("--json", action="store_true", help="for programs")
    add_configuration(command)
    return command


def run(options: argparse.Namespace) -> int:
    """Do what the parsed options ask for, and return the exit status."""
    flags, data = flags_of(options), path_of(options.bars, "--data")
    taken = {"RUNS_DIR"} | ({"MARKET"} if data is not None else set())
    refuse_settings_but(taken, flags, "exported", "export takes RUNS_DIR and, with --data FILE, MARKET")
    to = named(options.to, "--to", "an exporter")
    assert to is not None

    from progressive_front.export.run_export import AskedExport, show_export

    asked = AskedExport(
        name=required_path(options.model, "RUN/Bucket"),
        bucket=named(options.bucket, "--bucket"),
        to=to,
        out=path_of(options.out, "--out"),
        data=data,
        since=options.since,
        market=flags.get("MARKET"),
        policy=options.policy,
    )
    return show_export(asked, flags, path_of(options.config, "--config"), as_json=options.json)
