"""The arguments of a training, which is what a command line without a command asks for."""

from __future__ import annotations

import argparse
from contextlib import closing, nullcontext

from progressive_app.config.choices import named, plugin_choices
from progressive_core import PROGRAM
from progressive_core.contract.errors import ConfigError
from progressive_front.flags import (
    AUTO,
    Parser,
    add_configuration,
    add_engine,
    add_plugin_choice,
    add_shown,
    add_strict,
    engine_of,
    flags_of,
    path_of,
    refuse_contradictory_output,
    refuse_idle_strictness,
    workers_of,
)
from progressive_front.help_text import epilog_text


def parser() -> Parser:
    """The parser of a training."""
    command = Parser(
        prog=PROGRAM,
        description="Train trading agents at several time scales in sequence, each from what the others learned.",
        epilog=epilog_text(),
    )
    what = command.add_argument_group("what to train")
    what.add_argument("--bucket", metavar="NAME", help="train this bucket only")
    what.add_argument(
        "--transfer",
        metavar="NAME",
        action="append",
        help="learn from a finished model too: of the newest run that finished this bucket, or RUN/Bucket, or the path of a model; "
        "A,B,C names several",
    )
    what.add_argument(
        "--sequence",
        metavar="A,B,C",
        help='train these buckets, in this order; those in brackets, as in "A,(B,C)", at the same time; auto finds the order, from a '
        "short training of each, and says why",
    )
    what.add_argument("--episodes", metavar="N", help="episodes of every bucket, or Scalping=50,Long=100")
    what.add_argument(
        "--data", metavar="FILE", help="bars as CSV, Parquet, Feather or JSON (without: a synthetic market)"
    )
    what.add_argument("--market", metavar="NAME", help="the market to take where the file of --data holds several")
    what.add_argument("--allow-leak", metavar="COLUMN", action="append", help="let this column pass the leak check")
    what.add_argument("--seed", metavar="N", help="where all randomness starts")
    what.add_argument(
        "--scratch-arms",
        action="store_true",
        help="then train every bucket that was taught again without transfer, to see what it was worth; with --resume, "
        "of a finished run too",
    )
    what.add_argument(
        "--isolate",
        action="store_true",
        help="train each bucket in a process of its own, which takes all memory that it held with it; to the same result. "
        "With --resume, from here on; a run that was begun so keeps to it",
    )
    where = command.add_argument_group("where, and from where")
    where.add_argument("--device", metavar="NAME", help="auto, cpu, cuda or cuda:N")
    where.add_argument("--run-dir", metavar="DIR", help="the run's own directory (else a new one in runs/)")
    where.add_argument(
        "--resume",
        action="store_true",
        help="go on with the newest unfinished run, or with --run-dir; a setting given with it, by --set or --config, is "
        "changed from here on, where that may be",
    )
    where.add_argument(
        "--fork",
        action="store_true",
        help="with --resume: leave that run as it is, and begin a new one that names it as its parent, also with settings "
        "that may not change in a begun run",
    )
    add_strict(where, "run")
    add_configuration(command)
    add_plugin_choice(command)
    add_engine(command)
    add_shown(command, "run")
    command.add_argument("--version", action="store_true", help="show the version and exit")
    command.add_argument(
        "--print-completion",
        choices=("bash", "zsh", "tcsh"),
        help="print the script with which this shell completes commands, flags, files, runs and names, and exit",
    )
    return command


def run(options: argparse.Namespace) -> int:
    """Do what the parsed options ask for, and return the exit status."""
    if options.version:
        from importlib.metadata import version

        print(f"{PROGRAM} {version(PROGRAM)}")
        return 0
    if options.print_completion is not None:
        from progressive_front.command_line.completion import print_completion

        return print_completion(options.print_completion)
    _refuse_contradictions(options)
    flags, plugins = flags_of(options), plugin_choices(options.plugins, "-p")
    bucket = named(options.bucket, "--bucket")
    config, run_dir = path_of(options.config, "--config"), path_of(options.run_dir, "--run-dir")

    from progressive_front.found_runs import checked_teachers
    from progressive_front.training import AskedTraining, train

    is_named = options.engine is not None or options.address is not None
    with closing(engine_of(options)) if is_named else nullcontext() as engine:
        asked = AskedTraining(
            flags=flags,
            config=config,
            bucket=bucket,
            transfer_from=checked_teachers(options.transfer, "--transfer"),
            find_order=options.sequence == AUTO,
            scratch_arms=options.scratch_arms,
            isolate=options.isolate,
            resume=options.resume,
            fork=options.fork,
            strict=options.strict,
            run_dir=run_dir,
            plugins=plugins,
            workers=workers_of(options),
            engine=engine,
            to_open=options.open,
        )
        return train(asked, quiet=options.quiet, as_json=options.as_json)


def _refuse_contradictions(options: argparse.Namespace) -> None:
    if options.bucket is not None and options.sequence is not None:
        raise ConfigError("--bucket trains one bucket and --sequence several: give one of the two")
    refuse_contradictory_output(options)
    if options.fork and not options.resume:
        raise ConfigError("--fork goes with --resume, which says what run is to be the parent")
    refuse_idle_strictness(options)
    if options.resume:
        given = [f"--{name}" for name in ("bucket", "transfer") if getattr(options, name) is not None]
        given += ["--sequence auto"] if options.sequence == AUTO else []
        if given:
            raise ConfigError(
                f"--resume goes on with a run's own buckets: leave out {' and '.join(given)}; --sequence A,B,C can change "
                "those that have not begun"
            )
