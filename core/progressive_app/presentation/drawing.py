"""What is drawn with rich, as plain text."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from typing import Any

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderableType, RenderHook
from rich.segment import Segment

from progressive_app.presentation.text_table import WIDTH
from progressive_core.contract.errors import printable


class _Printable(RenderHook):
    """Whatever is drawn, without the escape codes that a name in it may hold."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_PrintableText(each) for each in renderables]


class _PrintableText:
    def __init__(self, drawn: ConsoleRenderable) -> None:
        self._drawn = drawn

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for text, style, control in console.render(self._drawn, options):
            yield Segment(text if control else "\n".join(map(printable, text.split("\n"))), style, control)


def printable_console(**options: Any) -> Console:
    """A rich console that prints no escape codes but its own; `options` are those of `rich.console.Console`."""
    console = Console(**options)
    console.push_render_hook(_Printable())
    return console


def plain_text(renderable: RenderableType, width: int = WIDTH) -> str:
    """Draw a rich renderable as text without colours, trailing blanks or escape codes."""
    file = StringIO()
    console = printable_console(
        file=file, width=width, force_terminal=False, force_jupyter=False, color_system=None, highlight=False
    )
    console.print(renderable)
    return "\n".join(line.rstrip() for line in file.getvalue().rstrip().splitlines())
