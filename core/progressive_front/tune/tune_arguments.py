"""The arguments of `tune`."""

from __future__ import annotations

import argparse

from progressive_app.config.checking import checked
from progressive_app.config.choices import plugin_choices
from progressive_app.config.flag_values import json_or_text
from progressive_core import PROGRAM
from progressive_core.contract.errors import ConfigError
from progressive_core.contract.kinds import Whole
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

_EPILOG = """A search is the directory tune/NAME: plan.json, an ordinary run for each trial in runs/, the journal that optuna-dashboard opens, choice.json,
and at its end tune.json, report.md and report.html. Half of validation chooses among the trials. The best one is then trained again with
fresh seeds, and so are the settings as they are: on the other half, on which no trial was judged, it has to be better beyond noise, or
nothing is adopted. Only what is adopted reads the test part, once. `PROGRAM runs --set RUNS_DIR=tune/NAME/runs` lists the trials.

examples:
  PROGRAM tune --data btc.parquet --bucket Medium                    30 trials of what Medium says may vary
  PROGRAM tune --bucket Medium --space LEARNING_RATE=1e-4..1e-2:log,DROPOUT=0..0.5
  PROGRAM tune --bucket all --write config.json                      each bucket in its place; what is adopted is written
  PROGRAM tune --bucket Medium --folds 4 --workers 4                 each trial on four folds of a walk-forward
  PROGRAM tune --resume --name mine                                  go on, or show a finished one again
"""


def parser() -> Parser:
    """The parser of the command."""
    from progressive_studies.search.search_plan import TRIALS

    command = Parser(
        prog=f"{PROGRAM} tune",
        description="Search for better settings of a bucket, by trials on half of validation, and adopt what the other half confirms.",
        epilog=_EPILOG.replace("PROGRAM", PROGRAM),
    )
    what = command.add_argument_group("what to search")
    what.add_argument("--bucket", metavar="NAME", help="whose settings; all: each of the sequence in its place")
    what.add_argument(
        "--trials", metavar="N", help=f"trials of each bucket, the settings as they are among them ({TRIALS})"
    )
    what.add_argument(
        "--space",
        metavar="KEY=LOW..HIGH",
        help="what varies: KEY=1e-4..1e-2:log, KEY=0..0.5 or KEY=a|b|c, several with commas (else what the bucket declares)",
    )
    what.add_argument(
        "--data", metavar="FILE", help="bars as CSV, Parquet, Feather or JSON (without: a synthetic market)"
    )
    what.add_argument("--market", metavar="NAME", help="the market to take where the file holds several")
    what.add_argument("--sequence", metavar="A,B,C", help="with --bucket all: these buckets, in this order")
    what.add_argument(
        "--folds", metavar="N", help="train each trial on so many folds of a walk-forward, and judge it by all"
    )
    what.add_argument("--every", metavar="180d", help="folds of this duration instead")
    what.add_argument("--window", metavar="730d", help="with folds: train on the bars of this duration before each")
    what.add_argument("--episodes", metavar="N", help="episodes of every bucket, or Scalping=50,Long=100")
    what.add_argument("--seed", metavar="N", help="where all randomness starts")
    what.add_argument("--device", metavar="NAME", help="auto, cpu, cuda or cuda:N")
    what.add_argument(
        "--write",
        metavar="FILE",
        help="put what is adopted into this configuration, in which all else stays; with --resume too",
    )
    what.add_argument(
        "--storage",
        metavar="FILE",
        help="the journal of the trials, which may hold other searches (tune/NAME/journal.log)",
    )
    add_study(command, "search", "tune")
    return command


def run(options: argparse.Namespace) -> int:
    """Do what the parsed options ask for, and return the exit status."""
    from progressive_studies.search.search_plan import ALL, FEWEST, MOST, TRIALS

    refuse_contradictory_output(options)
    refuse_idle_strictness(options)
    _refuse_contradictions(options, ALL)
    workers = workers_of(options)

    from progressive_front.commands.train_search import AskedTuning, train_search
    from progressive_front.study.shown_study import Shown
    from progressive_front.study.walk_folding import folding_of
    from progressive_front.tune.planned_search import AskedSearch
    from progressive_studies.search.space import parse_spaces

    folding = None
    if any(each is not None for each in (options.folds, options.every, options.window)):
        folding = folding_of(options.folds, options.every, options.window)
    asked = AskedSearch(
        bucket=options.bucket or "",
        trials=checked(Whole(FEWEST, MOST), json_or_text(options.trials or str(TRIALS)), "--trials"),
        space=None if options.space is None else parse_spaces(options.space),
        folding=folding,
        plugins=plugin_choices(options.plugins, "-p"),
        storage=path_of(options.storage, "--storage"),
    )
    tuning = AskedTuning(
        asked=None if options.resume else asked,
        flags=flags_of(options),
        config=path_of(options.config, "--config"),
        name=options.name,
        resume=options.resume,
        strict=options.strict,
        write=path_of(options.write, "--write"),
    )
    engine = engine_of(options)
    try:
        return train_search(
            tuning, engine, workers, Shown(quiet=options.quiet, as_json=options.as_json, to_open=options.open)
        )
    finally:
        engine.close()


def _refuse_contradictions(options: argparse.Namespace, every: str) -> None:
    planned = (
        "bucket trials space data market sequence folds every window episodes seed device storage set config plugins"
    )
    given = [f"--{flag}" for flag in planned.split() if getattr(options, flag)]
    if options.resume and given:
        raise ConfigError(
            f"--resume goes on with a search as it was planned: leave out {' and '.join(given)}, or begin a new one"
        )
    if not options.resume and not (options.bucket or "").strip():
        raise ConfigError("--bucket NAME says whose settings are searched; --bucket all searches those of each in turn")
    if options.folds is not None and options.every is not None:
        raise ConfigError("--folds says how many and --every how long: give one of the two")
    if options.window is not None and options.folds is None and options.every is None:
        raise ConfigError("--window goes with --folds or --every: trials on one part have all bars before it")
    if options.sequence is not None and options.bucket != every:
        raise ConfigError("--sequence goes with --bucket all: a search of one bucket trains that one alone")
    if options.sequence == AUTO:
        raise ConfigError("--sequence auto finds an order for one run: name the buckets of a search, --sequence A,B,C")
