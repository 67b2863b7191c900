"""The live console: the command line and a notebook show training with it, unless `no:console` turns it off."""

from __future__ import annotations

from collections.abc import Sequence

from progressive_app.config.choices import CONSOLE
from progressive_app.presentation.notebook import in_notebook


def with_console(settled: Sequence[str], asked: Sequence[str]) -> tuple[str, ...]:
    """The plugin choices of a command line, with the console first unless it is turned off.

    :param settled: the PLUGINS setting. :param asked: those of `-p`; of two choices for one plugin the last counts.
    """
    last_choice = {choice.removeprefix("no:"): choice for choice in (*settled, *asked)}
    return tuple(asked) if last_choice.get(CONSOLE) == f"no:{CONSOLE}" else (CONSOLE, *asked)


def with_console_in_notebook(settled: Sequence[str], asked: Sequence[str]) -> tuple[str, ...]:
    """The plugin choices of a Python caller: in a notebook as on a command line, elsewhere as they were."""
    return with_console(settled, asked) if in_notebook() else tuple(asked)


def without_console(asked: Sequence[str]) -> tuple[str, ...]:
    """The plugin choices of a command line without the console, whatever else says that it is wanted."""
    return (*(choice for choice in asked if choice.removeprefix("no:") != CONSOLE), f"no:{CONSOLE}")
