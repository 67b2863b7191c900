"""The command line: reads what was asked, has it done, and says in one line what went wrong."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

from progressive_core.config import parse_episodes, parse_setting, split_names
from progressive_core.errors import ConfigError, ProgressiveTrainingError
from progressive_core.settings import SETTINGS
from progressive_core.suggest import did_you_mean
from progressive_core.terminal import BUG, INTERRUPTED, PIPE_CLOSED, PROGRAM, USER_ERROR, say

_COMMANDS_HELP = """commands:
  plugins       list the installed buckets, transfers and plugins, and which are enabled
  runs          list the runs, how far they are, and their scores
  evaluate RUN  show a run's models beside their baselines
  (PROGRAM COMMAND --help explains each)
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line.

    :param argv: the arguments without the program's name; by default those of this process.
    :return: 0, or 2 for what the user can mend, 1 for a bug, 130 and 143 when interrupted.
    """
    try:
        code = _dispatch(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
        return code
    except SystemExit as ended:  # argparse, after --help and --version
        return int(ended.code or 0)
    except ProgressiveTrainingError as error:
        say(f"error: {error}")
        return USER_ERROR
    except KeyboardInterrupt:
        say("stopped")
        return INTERRUPTED
    except BrokenPipeError:  # `| head` has seen enough; Python must not try to flush again as it exits
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return PIPE_CLOSED
    except Exception:  # noqa: BLE001  (the outermost frame: a bug is shown in full)
        traceback.print_exc()
        return BUG


def _dispatch(arguments: list[str]) -> int:
    """The first word chooses a command; without one, train."""
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
        near = ""
        if message.startswith("unrecognized arguments: "):
            known = [flag for action in self._actions for flag in action.option_strings]
            near = did_you_mean(message.split()[2].partition("=")[0], known)
        raise ConfigError(f"{message}.{near} See {self.prog} --help.")


def _train(arguments: list[str]) -> int:
    parser = _Parser(
        prog=PROGRAM,
        description="Train trading agents at several time scales in sequence, each from what the others learned.",
        epilog=f"{_COMMANDS_HELP.replace('PROGRAM', PROGRAM)}\n{_settings_help()}",
    )
    what = parser.add_argument_group("what to train")
    what.add_argument("--bucket", metavar="NAME", help="train this bucket only")
    what.add_argument("--transfer", metavar="NAME", help="with --bucket: start from what this bucket learned last")
    what.add_argument("--sequence", metavar="A,B,C", help="train these buckets, in this order")
    what.add_argument("--episodes", metavar="N", help="episodes of every bucket, or Scalping=50,Long=100")
    what.add_argument(
        "--data", metavar="FILE", help="bars as CSV, Parquet, Feather or JSON (without: a synthetic market)"
    )
    what.add_argument("--allow-leak", metavar="COLUMN", action="append", help="let this column pass the leak check")
    what.add_argument("--seed", metavar="N", help="where all randomness starts")
    where = parser.add_argument_group("where, and from where")
    where.add_argument("--device", metavar="NAME", help="auto, cpu, cuda or cuda:N")
    where.add_argument("--run-dir", metavar="DIR", type=Path, help="the run's own directory (else a new one in runs/)")
    where.add_argument("--resume", action="store_true", help="go on with the newest unfinished run, or with --run-dir")
    _add_configuration(parser)
    _add_plugin_choice(parser)
    parser.add_argument("--version", action="store_true", help="show the version and exit")
    options = parser.parse_args(arguments)
    if options.version:
        print(f"{PROGRAM} {version(PROGRAM)}")
        return 0
    _refuse_contradictions(options)

    from progressive_core.training import train

    return train(
        flags=_flags(options),
        config=options.config,
        bucket=options.bucket,
        transfer_from=options.transfer,
        resume=options.resume,
        run_dir=options.run_dir,
        plugins=options.plugins,
    )


def _add_configuration(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("configuration")
    group.add_argument("--config", metavar="FILE", type=Path, help="read settings here, instead of ./config.json")
    group.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], help="one setting; may be repeated")


def _add_plugin_choice(parser: argparse.ArgumentParser) -> None:
    description = "enable a plugin, or disable it with no:NAME; may be repeated"
    parser.add_argument("-p", metavar="NAME", action="append", default=[], dest="plugins", help=description)


def _settings_help() -> str:
    lines = [f"  {setting.key:26}{setting.meaning}" for setting in SETTINGS.values()]
    return "\n".join(["settings (--set KEY=VALUE, or in config.json):", *lines])


def _refuse_contradictions(options: argparse.Namespace) -> None:
    if options.bucket and options.sequence:
        raise ConfigError("--bucket trains one bucket and --sequence several: give one of the two")
    if options.transfer and not options.bucket:
        raise ConfigError(f"--transfer {options.transfer} needs --bucket NAME, the bucket that is to learn from it")
    if options.resume:
        settled = ("bucket", "transfer", "sequence", "episodes", "data", "allow_leak", "seed", "device")
        given = [f"--{name.replace('_', '-')}" for name in settled if getattr(options, name)]
        given += [f"--set {text}" for text in options.set if not text.startswith("RUNS_DIR=")]
        if given:
            raise ConfigError(f"--resume goes on with the run's own settings: leave out {' and '.join(given)}")


def _flags(options: argparse.Namespace) -> Mapping[str, Any]:
    """The settings that flags name, unchecked."""
    given = [parse_setting(text) for text in options.set]
    direct = vars(options)
    given += [
        parse_setting(f"{key}={direct[name]}")
        for name, key in (("seed", "SEED"), ("device", "DEVICE"), ("data", "DATA"))
        if direct.get(name) is not None
    ]
    if direct.get("sequence") is not None:
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

    from progressive_core.commands import show_plugins

    return show_plugins(_flags(options), options.config, options.plugins, as_json=options.json)


def _runs(arguments: list[str]) -> int:
    parser = _Parser(prog=f"{PROGRAM} runs", description="List the runs in RUNS_DIR, oldest first.")
    parser.add_argument("--json", action="store_true", help="for programs")
    _add_configuration(parser)
    options = parser.parse_args(arguments)

    from progressive_core.commands import show_runs

    return show_runs(_flags(options), options.config, as_json=options.json)


def _evaluate(arguments: list[str]) -> int:
    parser = _Parser(
        prog=f"{PROGRAM} evaluate",
        description="Show each model of a run and its baselines, net of costs: on validation and test data as they "
        "were measured when the bucket finished, or on a file of other bars.",
    )
    parser.add_argument("run", metavar="RUN", help="a run's directory, or its name in RUNS_DIR")
    parser.add_argument(
        "--data", metavar="FILE", type=Path, dest="bars", help="measure the models on these bars instead"
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    _add_configuration(parser)
    options = parser.parse_args(arguments)

    from progressive_core.commands import show_evaluation

    return show_evaluation(options.run, _flags(options), options.config, options.bars, as_json=options.json)


_COMMANDS: Mapping[str, Callable[[list[str]], int]] = {"plugins": _plugins, "runs": _runs, "evaluate": _evaluate}
