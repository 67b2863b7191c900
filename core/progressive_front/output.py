"""A command's result on standard output, which programs read: what plugins print meanwhile goes to stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from typing import TYPE_CHECKING, Any

from progressive_app.json_values import json_values
from progressive_app.machine.terminal import print_text
from progressive_app.presentation.text_table import terminal_width

if TYPE_CHECKING:
    from rich.console import RenderableType


@contextmanager
def stdout_reserved() -> Iterator[None]:
    """Within it, standard output is standard error: for `print`, and for what C code and programs write to descriptor 1.

    It is the whole process's: for a command line, not for a thread of an application.
    """
    sys.stdout.flush()
    own: int | None = None
    with suppress(OSError):  # closed, or there is no stderr: then there is nobody to keep it for
        own = os.dup(1)
        os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        if sys.__stdout__ is not None:
            with suppress(OSError, ValueError):  # a plugin may have closed it
                sys.__stdout__.flush()  # what was written past `sys.stdout`
        if own is not None:
            os.dup2(own, 1)
            os.close(own)


def show_json(value: Any) -> int:
    """Print `value` as JSON, and return the exit status of a command that could."""
    print(json.dumps(json_values(value), indent=2))
    return 0


def show_drawn(drawn: RenderableType) -> None:
    """Print what rich draws: in colour on a terminal, else as plain text."""
    from progressive_app.presentation.drawing import plain_text, printable_console

    console = printable_console(highlight=False)
    if console.is_terminal and not console.is_dumb_terminal:
        console.print(drawn)
    else:
        print_text(plain_text(drawn, terminal_width()))
