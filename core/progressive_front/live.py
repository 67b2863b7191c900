"""The live console: the command line shows training with it, unless it is told not to."""

from __future__ import annotations

from collections.abc import Sequence

CONSOLE = "console"


def with_console(settled: Sequence[str], asked: Sequence[str]) -> tuple[str, ...]:
    """The plugin choices of a command line, with the console first among them where it is wanted.

    :param settled: the PLUGINS setting. :param asked: those of `-p`; the last word on a plugin stands.
    """
    last_word = {choice.removeprefix("no:"): choice for choice in (*settled, *asked)}
    return tuple(asked) if last_word.get(CONSOLE) == f"no:{CONSOLE}" else (CONSOLE, *asked)
