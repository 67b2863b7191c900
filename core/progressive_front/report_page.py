"""The page that a run's report is: whether it is of now, where it is, and how it is opened."""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import time_ns

from progressive_app.machine.terminal import print_text
from progressive_core.contract.errors import printable

PAGE = "report.html"


@contextmanager
def page_shown_last(run_dir: Callable[[], Path | None], *, to_open: bool) -> Iterator[None]:
    """After it, show where the page of the run is that was written within it, whatever ended the run.

    Whichever plugin writes it: the command line knows the file, and no plugin.

    :param run_dir: the run's directory, asked at the end.
    """
    started = time_ns()
    try:
        yield
    finally:
        directory = run_dir()
        if directory is not None and is_written_since(directory / PAGE, started):
            show_page(directory / PAGE, to_open=to_open)


def is_written_since(file: Path, started: int) -> bool:
    """Whether the file is there and was written at or after `started`, in nanoseconds since 1970."""
    return file.is_file() and file.stat().st_mtime_ns >= started


def show_page(page: Path, *, to_open: bool) -> None:
    """Print where the page is, and open it in the browser where that is asked for and there is one."""
    if to_open and not _is_opened(page):
        print_text("no browser could be opened here", sys.stderr)
    print_text(f"report: {printable(str(page))}")


def _is_opened(page: Path) -> bool:
    """Whether a browser took the page. Without a screen none is asked: one of text would take the terminal."""
    has_screen = sys.platform in ("win32", "darwin") or "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ
    try:
        return has_screen and webbrowser.open(page.absolute().as_uri())
    except (webbrowser.Error, OSError):
        return False
