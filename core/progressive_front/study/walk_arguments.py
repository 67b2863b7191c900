"""The arguments of `walk-forward`."""

from __future__ import annotations

import argparse

from progressive_app.config.choices import named, plugin_choices
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

_EPILOG = """A walk-forward is a study: the directory studies/NAME with plan.json, an ordinary run for each fold in runs/, the result in
walk_forward.json, .md and .html, and the models of the newest fold in models/, which are the ones to use. Each fold trains on the
bars before it, is chosen by the stretch before its test part, and measured on that test part, which no part of it has seen.

examples:
  PROGRAM walk-forward --data btc.parquet --bucket Medium            eight folds of equal length
  PROGRAM walk-forward --data btc.parquet --every 180d --window 730d a fold each half year, trained on two years
  PROGRAM walk-forward --data btc.parquet --set WARM_START=never     every fold from scratch
  PROGRAM walk-forward --resume --name mine                          go on with what is unfinished
"""


def parser() -> Parser:
    """The parser of the command."""
    command = Parser(
        prog=f"{PROGRAM} walk-forward",
        description="Train again and again in the order of time, and measure each model on the bars that follow: all of these, one after "
        "the other, are the result.",
        epilog=_EPILOG.replace("PROGRAM", PROGRAM),
    )
    what = command.add_argument_group("what to train")
    what.add_argument(
        "--data", metavar="FILE", help="bars as CSV, Parquet, Feather or JSON (without: a synthetic market)"
    )
    what.add_argument("--market", metavar="NAME", help="the market to take where the file holds several")
    what.add_argument("--folds", metavar="N", help="folds of equal length (8)")
    what.add_argument(
        "--every", metavar="180d", help="folds of this duration instead, the newest of which ends with the last bar"
    )
    what.add_argument(
        "--window",
        metavar="730d",
        help="train on the bars of this duration before each fold, or on all of them: expanding (which is what happens without)",
    )
    what.add_argument("--bucket", metavar="NAME", help="walk this bucket forward only")
    what.add_argument("--sequence", metavar="A,B,C", help="walk these buckets forward, in this order in each fold")
    what.add_argument("--episodes", metavar="N", help="episodes of every bucket, or Scalping=50,Long=100")
    what.add_argument("--seed", metavar="N", help="where all randomness starts")
    what.add_argument("--device", metavar="NAME", help="auto, cpu, cuda or cuda:N")
    add_study(command, "walk-forward")
    return command


def run(options: argparse.Namespace) -> int:
    """Do what the parsed options ask for, and return the exit status."""
    refuse_contradictory_output(options)
    refuse_idle_strictness(options)
    _refuse_contradictions(options)
    workers, bucket = workers_of(options), named(options.bucket, "--bucket")

    from progressive_front.commands.train_walk import AskedWalk, train_walk
    from progressive_front.study.shown_study import Shown
    from progressive_front.study.walk_folding import folding_of

    flags = dict(flags_of(options))
    asked = AskedWalk(
        flags={**flags, "SEQUENCE": [bucket]} if bucket else flags,
        folding=folding_of(options.folds, options.every, options.window),
        config=path_of(options.config, "--config"),
        plugins=plugin_choices(options.plugins, "-p"),
        name=options.name,
        resume=options.resume,
        strict=options.strict,
    )
    engine = engine_of(options)
    try:
        return train_walk(
            asked, engine, workers, Shown(quiet=options.quiet, as_json=options.as_json, to_open=options.open)
        )
    finally:
        engine.close()


def _refuse_contradictions(options: argparse.Namespace) -> None:
    planned = "data market folds every window bucket sequence episodes seed device set config plugins".split()
    given = [f"--{flag}" for flag in planned if getattr(options, flag)]
    if options.resume and given:
        raise ConfigError(
            f"--resume goes on with a walk-forward as it was planned: leave out {' and '.join(given)}, or begin a new one"
        )
    if options.folds is not None and options.every is not None:
        raise ConfigError("--folds says how many and --every how long: give one of the two")
    if options.bucket is not None and options.sequence is not None:
        raise ConfigError("--bucket walks one bucket forward and --sequence several: give one of the two")
    if options.sequence == AUTO:
        raise ConfigError(
            "--sequence auto finds an order for one run: name the buckets of a walk-forward, --sequence A,B,C"
        )
