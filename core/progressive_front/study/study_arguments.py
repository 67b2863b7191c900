"""The arguments of `study`."""

from __future__ import annotations

import argparse

from progressive_app.config.choices import plugin_choices
from progressive_app.config.flag_values import parse_setting
from progressive_core import PROGRAM
from progressive_core.contract.errors import ConfigError
from progressive_front.flags import (
    AUTO,
    Parser,
    add_study,
    engine_of,
    flags_of,
    path_of,
    refuse_contradictory_output,
    refuse_idle_strictness,
    workers_of,
)

_SET_HELP = """values with commas: --set KEY=V1,V2 makes runs with V1 and runs with V2. A value that holds commas itself is written as JSON, whose
brackets and quotes keep it together: --set 'HORIZON_RANGE=[6,48]' is one value, 'HORIZON_RANGE=[6,48],[12,96]' are two. A list of names
always needs its brackets: 'TRANSFERS=["weights"],["weights","features"]'.

A study is the directory studies/NAME: plan.json, an ordinary run in runs/ for each market, value and seed, and summary.json, .md and
.html. `PROGRAM runs --set RUNS_DIR=studies/NAME/runs` lists its runs.

examples:
  PROGRAM study --seeds 0-9 --scratch-arms --workers 2      what being taught is worth, over ten seeds
  PROGRAM study --seeds 0-4 --data btc.parquet,eth.parquet  five seeds on each of two markets
  PROGRAM study --seeds 0-4 --set LEARNING_RATE=1e-3,3e-4   two learning rates, paired by seed
  PROGRAM study --resume --name mine                        go on with what is unfinished
"""


def parser() -> Parser:
    """The parser of the command."""
    command = Parser(
        prog=f"{PROGRAM} study",
        description="Train a grid of runs, each seed on each market with each value of the settings that are varied, and show the mean, "
        "the spread and the paired differences.",
        epilog=_SET_HELP.replace("PROGRAM", PROGRAM),
    )
    what = command.add_argument_group("what to train")
    what.add_argument("--seeds", metavar="0-9", help="seeds: 3, 0-9 or 0-4,10 (else the setting SEED)")
    what.add_argument("--data", metavar="A,B", dest="markets", help="files of bars, each a market of its own")
    what.add_argument("--market", metavar="NAME", help="the market to take where each file holds several")
    what.add_argument("--sequence", metavar="A,B,C", help="the buckets of every run, in this order")
    what.add_argument("--episodes", metavar="N", help="episodes of every bucket, or Scalping=50,Long=100")
    what.add_argument(
        "--transfer",
        metavar="RUN/BUCKET",
        action="append",
        help="a finished model that teaches in every run, as in a training; may be repeated",
    )
    what.add_argument("--device", metavar="NAME", help="auto, cpu, cuda or cuda:N")
    what.add_argument(
        "--scratch-arms",
        action="store_true",
        help="beside every bucket that was taught, train it without transfer, to see what it was worth",
    )
    add_study(command, "study")
    return command


def run(options: argparse.Namespace) -> int:
    """Do what the parsed options ask for, and return the exit status."""
    refuse_contradictory_output(options)
    refuse_idle_strictness(options)
    if options.resume:
        _refuse_what_is_planned(options)
    if options.sequence == AUTO:
        raise ConfigError("--sequence auto finds an order for one run: name the buckets of a study, --sequence A,B,C")
    workers = workers_of(options)
    given = [parse_setting(text) for text in options.set]
    options.set = []

    from progressive_front.commands.train_study import AskedStudy, train_study
    from progressive_front.found_runs import checked_teachers
    from progressive_front.study.shown_study import Shown
    from progressive_studies.study.grid_flags import parse_files, parse_seeds

    asked = AskedStudy(
        flags=flags_of(options),
        given=given,
        config=path_of(options.config, "--config"),
        plugins=plugin_choices(options.plugins, "-p"),
        seeds=None if options.seeds is None else parse_seeds(options.seeds),
        markets=() if options.markets is None else parse_files(options.markets),
        teachers=checked_teachers(options.transfer, "--transfer"),
        scratch_arms=options.scratch_arms,
        name=options.name,
        resume=options.resume,
        strict=options.strict,
    )
    shown = Shown(quiet=options.quiet, as_json=options.as_json, to_open=options.open)
    engine = engine_of(options)
    try:
        return train_study(asked, engine, workers, shown)
    finally:
        engine.close()


def _refuse_what_is_planned(options: argparse.Namespace) -> None:
    flags = (
        "seeds",
        "markets",
        "market",
        "sequence",
        "episodes",
        "transfer",
        "device",
        "scratch_arms",
        "set",
        "config",
        "plugins",
    )
    given = [
        "--data" if flag == "markets" else f"--{flag.replace('_', '-')}" for flag in flags if getattr(options, flag)
    ]
    if given:
        raise ConfigError(
            f"--resume goes on with a study as it was planned: leave out {' and '.join(given)}, or begin a new study"
        )
