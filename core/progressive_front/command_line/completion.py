"""What a shell completes: a script made of the parsers of all commands, with the runs, buckets and plugins that are here."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

from progressive_app.config.app_settings import RUNS_DIR
from progressive_app.discovery.named_object import names_in
from progressive_app.machine.terminal import print_text
from progressive_core import PROGRAM
from progressive_core.contract.errors import ConfigError
from progressive_front.command_arguments import COMMANDS, TRAIN, command_in
from progressive_front.flags import Parser

RUNS = "_progressive_training_runs"
"""The shell's function that completes the name of a run. RUNS_DIR is read where it is set when a word is completed."""
_NAMED_IN = f"""sed -n 's/.*"{RUNS_DIR.key}" *: *"\\([^"]*\\)".*/\\1/p' config.json 2>/dev/null"""
_BASH_RUNS = f"""
{RUNS}() {{
  local runs each
  runs="$({_NAMED_IN})"
  runs="${{runs:-{RUNS_DIR.default}}}"
  for each in "$runs/$1"*/state.json; do
    [ -f "$each" ] && each="${{each%/state.json}}" && printf '%s\\n' "${{each#"$runs/"}}"
  done
  compgen -d -S / -- "$1"
  compopt -o nospace 2>/dev/null
}}
"""
_ZSH_RUNS = f"""
{RUNS}() {{
  local runs
  runs="$({_NAMED_IN})"
  runs="${{runs:-{RUNS_DIR.default}}}"
  local -a names
  names=("$runs"/*/state.json(N:h:t))
  (( $#names )) && compadd -- $names
  _files -/
}}
"""


def print_completion(shell: str) -> int:
    """Print the script that completes this program's arguments in `shell`.

    :return: the exit status. :raise ConfigError: shtab is not installed.
    """
    try:
        import shtab
    except ImportError:
        raise ConfigError("--print-completion needs shtab: pip install 'progressive-training[completion]'") from None
    whole = _whole_parser()
    values = _values(shtab.FILE, shtab.DIRECTORY)
    for action in _actions(whole):
        option = action.option_strings[-1] if action.option_strings else ""
        found = values.get(option) or values.get(str(action.metavar))
        if found is not None:
            action.complete = found  # type: ignore[attr-defined]  # how shtab is told
    print_text(shtab.complete(whole, shell, preamble={"bash": _BASH_RUNS, "zsh": _ZSH_RUNS}))
    return 0


def _whole_parser() -> argparse.ArgumentParser:
    """The parser of a training, with one below it for each command, as shells see them."""
    whole = Parser(prog=PROGRAM, parents=[command_in(TRAIN).parser()], add_help=False)
    commands = whole.add_subparsers(metavar="COMMAND", parser_class=argparse.ArgumentParser)
    for name, module in COMMANDS.items():
        parser = command_in(module).parser()
        commands.add_parser(name, parents=[parser], add_help=False, help=parser.description)
    return whole


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from _actions(below)
        else:
            yield action


def _values(file: Any, directory: Any) -> Mapping[str, Any]:
    """How what a flag, or else a metavar, stands for is completed."""
    run = {"bash": RUNS, "zsh": RUNS, "tcsh": "d"}
    named = {
        "--bucket": names_in("progressive_training.buckets"),
        "--engine": names_in("progressive_training.engines"),
        "--device": ["auto", "cpu", "cuda"],
        "--to": names_in("progressive_training.exporters"),
        "-p": names_in("progressive_training.plugins"),
    }
    files = dict.fromkeys(("FILE", "A,B"), file)
    runs = dict.fromkeys(("RUN", "RUN/Bucket", "RUN/BUCKET"), run)
    return {"DIR": directory, **files, **runs, **{flag: _any_of(flag, names) for flag, names in named.items()}}


def _any_of(flag: str, names: list[str]) -> Mapping[str, Any]:
    function = f"_progressive_training_{flag.strip('-')}"
    words = " ".join(names)
    preamble = f"{function}() {{ compgen -W '{words}' -- \"$1\"; }}"
    return {"bash": function, "zsh": f"({words})", "tcsh": f"({words})", "preamble": {"bash": preamble}}
