"""What is drawn with rich, as plain text."""

from __future__ import annotations

from io import StringIO

from rich.console import Console, RenderableType

from progressive_app.presentation.text_table import WIDTH


def plain_text(renderable: RenderableType, width: int = WIDTH) -> str:
    """Draw a rich renderable as text without colours, trailing blanks or escape codes."""
    file = StringIO()
    console = Console(
        file=file, width=width, force_terminal=False, force_jupyter=False, color_system=None, highlight=False
    )
    console.print(renderable)
    return "\n".join(line.rstrip() for line in file.getvalue().rstrip().splitlines())
