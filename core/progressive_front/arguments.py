"""What a command line asks for: its flags, read and checked, and the command that they are handed to."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, NoReturn

from progressive_app.config.checking import checked
from progressive_app.config.choices import named, plugin_choices
from progressive_app.config.common_kinds import FilePath
from progressive_app.config.flag_values import FlagText, parse_episodes, parse_setting, split_names
from progressive_core import PROGRAM
from progressive_core.contract.errors import ConfigError
from progressive_core.contract.suggest import did_you_mean
from progressive_front.help_text import epilog_text

AUTO = "auto"
"""In the place of a sequence: the order is to be found."""
_DIRECT = {"seed": "SEED", "device": "DEVICE", "data": "DATA"}
"""The flags that stand for a setting: each takes its value as `--set` does."""


def dispatch(arguments: list[str]) -> int:
    """Do what the arguments ask for: the first word chooses a command; without one, train.

    :return: the exit code.
    :raise ProgressiveTrainingError: something the user can mend.
    """
    if not arguments or arguments[0].startswith("-"):
        return _train(arguments)
    if arguments[0] not in _COMMANDS:
        raise ConfigError(
            f"unknown command {arguments[0]!r}.{did_you_mean(arguments[0], _COMMANDS)} "
            f"Known: {', '.join(_COMMANDS)}; without a command, buckets are trained."
        )
    return _COMMANDS[arguments[0]](arguments[1:])


class _Parser(argparse.ArgumentParser):
    """Refuses as the rest of the program does: one line, with the nearest known flag."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **options)

    def error(self, message: str) -> NoReturn:
        near, unknown = "", message.removeprefix("unrecognized arguments: ")
        if unknown != message:
            known = [flag for action in self._actions for flag in action.option_strings]
            near = did_you_mean(unknown.split()[0].partition("=")[0] if unknown.strip() else "", known)
            message = f"unrecognized arguments {unknown!r}"
        raise ConfigError(f"{message}.{near} See {self.prog} --help.")


def _train(arguments: list[str]) -> int:
    parser = _Parser(
        prog=PROGRAM,
        description="Train trading agents at several time scales in sequence, each from what the others learned.",
        epilog=epilog_text(),
    )
    what = parser.add_argument_group("what to train")
    what.add_argument("--bucket", metavar="NAME", help="train this bucket only")
    what.add_argument(
        "--transfer",
        metavar="NAME",
        help="with --bucket: start from what this bucket learned last; its own name takes up an older run of it",
    )
    what.add_argument(
        "--sequence",
        metavar="A,B,C",
        help="train these buckets, in this order; auto finds the order, from a short training of each, and says why",
    )
    what.add_argument("--episodes", metavar="N", help="episodes of every bucket, or Scalping=50,Long=100")
    what.add_argument(
        "--data", metavar="FILE", help="bars as CSV, Parquet, Feather or JSON (without: a synthetic market)"
    )
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
    where = parser.add_argument_group("where, and from where")
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
    _add_configuration(parser)
    _add_plugin_choice(parser)
    parser.add_argument("--version", action="store_true", help="show the version and exit")
    options = parser.parse_args(arguments)
    if options.version:
        from importlib.metadata import version

        print(f"{PROGRAM} {version(PROGRAM)}")
        return 0
    _refuse_contradictions(options)
    flags, plugins = _flags(options), plugin_choices(options.plugins, "-p")
    bucket, teacher = named(options.bucket, "--bucket"), named(options.transfer, "--transfer")
    config, run_dir = _path(options.config, "--config"), _path(options.run_dir, "--run-dir")

    from progressive_front.training import train

    return train(
        flags=flags,
        config=config,
        bucket=bucket,
        transfer_from=teacher,
        find_order=options.sequence == AUTO,
        scratch_arms=options.scratch_arms,
        isolate=options.isolate,
        resume=options.resume,
        fork=options.fork,
        run_dir=run_dir,
        plugins=plugins,
    )


def _path(value: str | None, flag: str) -> Path | None:
    """The path that a flag names, which need not exist."""
    return None if value is None else Path(checked(FilePath(), value, flag))


def _add_configuration(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("configuration")
    group.add_argument("--config", metavar="FILE", help="read settings here, instead of ./config.json")
    group.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], help="one setting; may be repeated")


def _add_plugin_choice(parser: argparse.ArgumentParser) -> None:
    description = "enable a plugin, or disable it with no:NAME; may be repeated"
    parser.add_argument("-p", metavar="NAME", action="append", default=[], dest="plugins", help=description)


def _refuse_contradictions(options: argparse.Namespace) -> None:
    if options.bucket is not None and options.sequence is not None:
        raise ConfigError("--bucket trains one bucket and --sequence several: give one of the two")
    if options.transfer is not None and options.bucket is None:
        raise ConfigError(f"--transfer {options.transfer} needs --bucket NAME, the bucket that is to learn from it")
    if options.fork and not options.resume:
        raise ConfigError("--fork goes with --resume, which says what run is to be the parent")
    if options.resume:
        given = [f"--{name}" for name in ("bucket", "transfer") if getattr(options, name) is not None]
        given += ["--sequence auto"] if options.sequence == AUTO else []
        if given:
            raise ConfigError(
                f"--resume goes on with a run's own buckets: leave out {' and '.join(given)}; --sequence A,B,C can change "
                "those that have not begun"
            )


def _flags(options: argparse.Namespace) -> Mapping[str, Any]:
    """The settings that flags name, unchecked."""
    given: list[tuple[str, Any]] = [parse_setting(text) for text in options.set]
    direct = vars(options)
    given += [(key, FlagText(direct[name])) for name, key in _DIRECT.items() if direct.get(name) is not None]
    if direct.get("sequence") not in (None, AUTO):
        given.append(("SEQUENCE", split_names(options.sequence)))
    if direct.get("episodes") is not None:
        given.append(("EPISODES", parse_episodes(options.episodes)))
    if direct.get("allow_leak"):
        given.append(("ALLOW_LEAK", list(dict.fromkeys(options.allow_leak))))
    flags = dict(given)
    for key in flags:
        if [each for each, _ in given].count(key) > 1:
            raise ConfigError(f"command line: {key} is given more than once; keep one")
    return flags


def _plugins(arguments: list[str]) -> int:
    parser = _Parser(
        prog=f"{PROGRAM} plugins",
        description="List the installed buckets, transfers and plugins; import none disabled.",
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    _add_configuration(parser)
    _add_plugin_choice(parser)
    options = parser.parse_args(arguments)

    from progressive_front.commands import show_plugins

    chosen = plugin_choices(options.plugins, "-p")
    return show_plugins(_flags(options), _path(options.config, "--config"), chosen, as_json=options.json)


def _config(arguments: list[str]) -> int:
    parser = _Parser(
        prog=f"{PROGRAM} config",
        description="List every setting: its value with these flags, where that is from, its owner and its meaning.",
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--schema", action="store_true", help="the JSON Schema of config.json, for editors")
    _add_configuration(parser)
    _add_plugin_choice(parser)
    options = parser.parse_args(arguments)

    from progressive_front.show_config import show_config

    return show_config(
        _flags(options),
        _path(options.config, "--config"),
        plugin_choices(options.plugins, "-p"),
        as_json=options.json,
        as_schema=options.schema,
    )


def _runs(arguments: list[str]) -> int:
    parser = _Parser(prog=f"{PROGRAM} runs", description="List the runs in RUNS_DIR, oldest first.")
    parser.add_argument("--json", action="store_true", help="for programs")
    _add_configuration(parser)
    options = parser.parse_args(arguments)

    from progressive_front.commands import show_runs

    return show_runs(_flags(options), _path(options.config, "--config"), as_json=options.json)


def _evaluate(arguments: list[str]) -> int:
    parser = _Parser(
        prog=f"{PROGRAM} evaluate",
        description="Show each model of a run and its baselines, net of costs: on validation and test data as they "
        "were measured when the bucket finished, or on a file of other bars, at the costs that the run was begun with.",
        epilog="Of the settings only RUNS_DIR is taken and, with --data, FREQUENCY and FILL_MINUTES, which say how the "
        "file is read.",
    )
    parser.add_argument("run", metavar="RUN", help="a run's directory, or its name in RUNS_DIR")
    parser.add_argument("--data", metavar="FILE", dest="bars", help="measure the models on these bars instead")
    parser.add_argument("--json", action="store_true", help="for programs")
    _add_configuration(parser)
    options = parser.parse_args(arguments)

    run, bars = Path(checked(FilePath(), options.run, "RUN")), _path(options.bars, "--data")
    flags = _flags(options)
    taken = {"RUNS_DIR"} | ({"FREQUENCY", "FILL_MINUTES"} if bars is not None else set())
    takes = "evaluate takes RUNS_DIR and, with --data FILE, FREQUENCY and FILL_MINUTES"
    _refuse_settings_but(taken, flags, "evaluated", takes)

    from progressive_front.commands import show_evaluation

    return show_evaluation(run, flags, _path(options.config, "--config"), bars, as_json=options.json)


def _refuse_settings_but(taken: Collection[str], flags: Mapping[str, Any], done: str, takes: str) -> None:
    for key in flags:
        if key not in taken:
            near = did_you_mean(key, taken)
            raise ConfigError(
                f"--set {key}:{near} A run is {done} with the settings that it was begun with. Leave it out; {takes}"
            )


def _transfer_report(arguments: list[str]) -> int:
    parser = _Parser(
        prog=f"{PROGRAM} transfer-report",
        description="Show what each bucket of a run gained from what it was taught, beside the same bucket from scratch "
        "(trained by --scratch-arms): jumpstart, episodes to 90 % of scratch's best, best score, area ratio, each without "
        "and with the episodes of the buckets that taught it (Taylor and Stone 2009); how every model does on every "
        "bucket, with forward and backward transfer (GEM, arXiv 1706.08840); and what each strategy did, and took.",
        epilog="It is also written into the run's directory, as transfer.json and transfer.md, and as transfer.png where "
        "matplotlib is installed.",
    )
    parser.add_argument("run", metavar="RUN", help="a run's directory, or its name in RUNS_DIR")
    parser.add_argument("--json", action="store_true", help="for programs")
    _add_configuration(parser)
    options = parser.parse_args(arguments)

    run, flags = Path(checked(FilePath(), options.run, "RUN")), _flags(options)
    _refuse_settings_but({"RUNS_DIR"}, flags, "reported on", "transfer-report takes RUNS_DIR")

    from progressive_front.commands import show_transfer_report

    return show_transfer_report(run, flags, _path(options.config, "--config"), as_json=options.json)


_COMMANDS: Mapping[str, Callable[[list[str]], int]] = {
    "plugins": _plugins,
    "config": _config,
    "runs": _runs,
    "evaluate": _evaluate,
    "transfer-report": _transfer_report,
}
