"""The flags that several commands have, read and checked: settings, plugins and paths."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from progressive_app.config.checking import checked
from progressive_app.config.common_kinds import FilePath
from progressive_app.config.flag_values import FlagText, json_or_text, parse_episodes, parse_setting
from progressive_app.config.stages import split_stages
from progressive_core.contract.errors import ConfigError
from progressive_core.contract.kinds import Whole
from progressive_core.contract.suggest import did_you_mean

if TYPE_CHECKING:
    from pathlib import Path

    from progressive_app.engines.engine import Engine

AUTO = "auto"
"""In the place of a sequence: the order is to be found."""
_DIRECT = {"seed": "SEED", "device": "DEVICE", "data": "DATA", "market": "MARKET"}
"""The flags that stand for a setting: each takes its value as `--set` does."""


class Parser(argparse.ArgumentParser):
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


def path_of(value: str | None, flag: str) -> Path | None:
    """The path that a flag names, which need not exist; None where the flag is not given."""
    return None if value is None else required_path(value, flag)


def required_path(value: str, argument: str) -> Path:
    """The path that an argument names, which need not exist."""
    from pathlib import Path  # here, since it takes a tenth of the time of --help

    return Path(checked(FilePath(), value, argument))


def add_configuration(parser: argparse.ArgumentParser) -> None:
    """Add `--config` and `--set`."""
    group = parser.add_argument_group("configuration")
    group.add_argument("--config", metavar="FILE", help="read settings here, instead of ./config.json")
    group.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], help="one setting; may be repeated")


def add_run(parser: argparse.ArgumentParser, what: str = "a run") -> None:
    """Add RUN, which is `what` the command reads."""
    parser.add_argument("run", metavar="RUN", help=f"the directory of {what}, or its name")


def add_bars(parser: argparse.ArgumentParser, what: str) -> None:
    """Add `--data`, the bars that are `what`, and `--market`, of a command that uses trained models."""
    parser.add_argument("--data", metavar="FILE", dest="bars", help=what)
    parser.add_argument("--market", metavar="NAME", help="with --data: the market to take where the file holds several")


def add_exchange(parser: argparse.ArgumentParser, what: str) -> None:
    """Add `--exchange`, which means `what`, and `--symbol`, of a command that takes bars of an exchange instead of `--data`."""
    parser.add_argument("--exchange", metavar="NAME", help=f"{what}: binance, kraken, ...")
    parser.add_argument(
        "--symbol",
        metavar="NAME",
        help="with --exchange: the market, like BTC/USDT (default: the one that a model was trained on)",
    )


def add_plugin_choice(parser: argparse.ArgumentParser) -> None:
    """Add `-p`."""
    description = "enable a plugin, or disable it with no:NAME; may be repeated"
    parser.add_argument("-p", metavar="NAME", action="append", default=[], dest="plugins", help=description)


def add_shown(parser: argparse.ArgumentParser, what: str) -> None:
    """Add `--open`, `--quiet` and `--json` of a command that trains a run or a study (`what`)."""
    shown = parser.add_argument_group("what is printed")
    shown.add_argument("--open", action="store_true", help=f"open the report in the browser when the {what} ends")
    shown.add_argument("--quiet", action="store_true", help="warnings, errors, and where the report is")
    shown.add_argument(
        "--json", action="store_true", dest="as_json", help="every event as a line of JSON, and nothing else"
    )


def add_strict(group: argparse._ArgumentGroup, what: str) -> None:
    """Add `--strict` of a command that goes on with a run or a study (`what`)."""
    group.add_argument(
        "--strict",
        action="store_true",
        help=f"with --resume: refuse a {what} that was trained in another environment (Python, torch, other packages, plugins, "
        "processor) instead of going on with a warning",
    )


def refuse_idle_strictness(options: argparse.Namespace) -> None:
    """Check that `--strict` is given with what it is about.

    :raise ConfigError: without `--resume`.
    """
    if options.strict and not options.resume:
        raise ConfigError("--strict goes with --resume: a run that begins has no environment before this one")


def refuse_contradictory_output(options: argparse.Namespace) -> None:
    """Check that not both of `--quiet` and `--json` are given.

    :raise ConfigError: they are.
    """
    if options.quiet and options.as_json:
        raise ConfigError("--quiet prints next to nothing and --json every event: give one of the two")


def add_engine(parser: argparse.ArgumentParser) -> None:
    """Add `--workers`, `--engine` and `--address`."""
    group = parser.add_argument_group("workers")
    group.add_argument(
        "--workers", metavar="N", help="how many tasks run at once (default: 1); what is trained does not depend on it"
    )
    group.add_argument(
        "--engine",
        metavar="NAME",
        help="where they run: here (one after the other, in this process), local (processes of this machine), ray (a cluster); "
        "default: here for one worker, local for more",
    )
    group.add_argument(
        "--address", metavar="ADDRESS", help="of the Ray cluster; without it, one on this machine for the time being"
    )


def add_study(parser: argparse.ArgumentParser, what: str, place: str = "studies") -> None:
    """Add the flags of a command that trains the runs of a study, called `what` and made in `place`: where it is, by whom it is trained,
    what is shown."""
    where = parser.add_argument_group("where, and from where")
    where.add_argument(
        "--name", metavar="NAME", help=f"of the {what}: its directory is {place}/NAME (else one by the time)"
    )
    where.add_argument(
        "--resume",
        action="store_true",
        help=f"go on with what is unfinished of the newest {what}, or of that of --name; its plan stays as it is",
    )
    add_strict(where, what)
    add_engine(parser)
    add_configuration(parser)
    add_plugin_choice(parser)
    add_shown(parser, what)


def workers_of(options: argparse.Namespace) -> int:
    """How many tasks are to run at once.

    :raise ConfigError: not a number from 1 to 1024.
    """
    number: int = checked(Whole(1, 1024), json_or_text(options.workers or "1"), "--workers")
    return number


def engine_of(options: argparse.Namespace) -> Engine:
    """The engine that the flags name, to be closed by the caller.

    :raise ConfigError: there is none of the name, or it does not go with the other flags.
    """
    from progressive_app.engines.named import engine_named

    workers = workers_of(options)
    return engine_named(options.engine or ("here" if workers == 1 else "local"), options.address)


def flags_of(options: argparse.Namespace) -> Mapping[str, Any]:
    """The settings that flags name, unchecked."""
    given: list[tuple[str, Any]] = [parse_setting(text) for text in options.set]
    direct = vars(options)
    given += [(key, FlagText(direct[name])) for name, key in _DIRECT.items() if direct.get(name) is not None]
    if direct.get("sequence") not in (None, AUTO):
        given.append(("SEQUENCE", split_stages(options.sequence)))
    if direct.get("episodes") is not None:
        given.append(("EPISODES", parse_episodes(options.episodes)))
    if direct.get("allow_leak"):
        given.append(("ALLOW_LEAK", list(dict.fromkeys(options.allow_leak))))
    flags = dict(given)
    for key in flags:
        if [each for each, _ in given].count(key) > 1:
            raise ConfigError(f"command line: {key} is given more than once; keep one")
    return flags


def refuse_bars_but_of_one_place(options: argparse.Namespace, flags: Mapping[str, Any]) -> None:
    """Check that either a file of bars is named or an exchange, and each with what goes with it.

    :raise ConfigError: neither is, or both, or the market is chosen as that of the other.
    """
    if (options.bars is None) == (options.exchange is None):
        raise ConfigError("give either --data FILE or --exchange NAME: where the bars are")
    if options.symbol is not None and options.exchange is None:
        raise ConfigError("--symbol goes with --exchange; the market of a file is chosen with --market")
    if "MARKET" in flags and options.bars is None:
        raise ConfigError("--market goes with --data; the market of an exchange is chosen with --symbol")


def refuse_settings_but(taken: Collection[str], flags: Mapping[str, Any], done: str, takes: str) -> None:
    """Check that no setting is given but those that a command takes, of a run that is `done`.

    :raise ConfigError: one is; the line ends with what the command `takes`.
    """
    for key in flags:
        if key not in taken:
            near = did_you_mean(key, taken)
            raise ConfigError(
                f"--set {key}:{near} A run is {done} with the settings that it was begun with. Leave it out; {takes}"
            )
