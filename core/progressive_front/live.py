"""The live console: the command line shows training with it, unless `-p no:console` turns it off."""

from __future__ import annotations

from collections.abc import Sequence

from progressive_app.config.choices import CONSOLE


def with_console(settled: Sequence[str], asked: Sequence[str]) -> tuple[str, ...]:
    """The plugin choices of a command line, with the console first unless it is turned off.

    :param settled: the PLUGINS setting. :param asked: those of `-p`; of two choices for one plugin the last counts.
    """
    last_choice = {choice.removeprefix("no:"): choice for choice in (*settled, *asked)}
    return tuple(asked) if last_choice.get(CONSOLE) == f"no:{CONSOLE}" else (CONSOLE, *asked)


def without_console(asked: Sequence[str]) -> tuple[str, ...]:
    """The plugin choices of a command line without the console, whatever else says that it is wanted."""
    return (*(choice for choice in asked if choice.removeprefix("no:") != CONSOLE), f"no:{CONSOLE}")
