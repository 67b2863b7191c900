"""Drawings in a notebook: whether this process is one's kernel, and what rich draws as HTML."""

from __future__ import annotations

import sys
from io import StringIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import RenderableType

WIDTH = 100
STYLE = "white-space:pre;overflow-x:auto;line-height:normal;font-family:Menlo,'DejaVu Sans Mono',consolas,'Courier New',monospace"


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook, whose cells show HTML."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


def html_text(renderable: RenderableType, width: int = WIDTH) -> str:
    """Draw a rich renderable as HTML with its colours, which reads on light and on dark pages."""
    from progressive_app.presentation.drawing import printable_console

    console = printable_console(file=StringIO(), width=width, record=True, force_jupyter=False, highlight=False)
    console.print(renderable)
    return console.export_html(inline_styles=True, code_format=f'<pre style="{STYLE}"><code>{{code}}</code></pre>')
