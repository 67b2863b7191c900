"""The console: a live view of the run on a terminal and in a notebook, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO, cast

from rich.console import Console, Group, RenderableType
from rich.text import Text

from progressive_plugins.console.cell import Cell, show
from progressive_plugins.console.closing import closing, verdict_lines
from progressive_plugins.console.display import Display
from progressive_plugins.console.plain import end_lines, episode_lines
from progressive_plugins.console.screen import Screen
from progressive_plugins.console.stream import QuietStream
from progressive_plugins.console.view import NOTES_SHOWN, ROWS, LiveView
from progressive_plugins.console.view_state import Progress
from progressive_training import BucketInfo, BucketResult, EpisodeReport, Resources, RunInfo, hookimpl
from progressive_training.presentation import in_notebook, plain_text, printable, printable_console

HOW_TO_STOP = "Ctrl-C stops at the end of an episode; the run can go on from there"
ROWS_WITH_HINT = 6
"""Fewer are for the view alone."""


class ConsolePlugin:
    """Shows a run to the person before it; enabled only where it is named. Where nobody reads, it goes quiet.

    Of runs in several threads one has the live view, and the others print lines.

    :param file: where to write; the standard output of the moment when None.
    :param clock: seconds that only go forward.
    """

    opt_in = True

    def __init__(self, file: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._file = file
        self._clock = clock
        self._displays: dict[Path, Display] = {}
        self._choosing = threading.RLock()

    @hookimpl  # named by -p, so called after the policies: it shows what they left the bucket
    def on_bucket_start(self, bucket: BucketInfo, resources: Resources) -> None:
        """Begin the view of a bucket."""
        with self._choosing:
            if before := self._displays.get(bucket.run_dir):
                before.stop()  # a bucket whose cleanup was never called
                self._displays.pop(bucket.run_dir, None)
            progress = Progress(bucket=bucket, resources=resources, started=self._clock())
            self._displays[bucket.run_dir] = self._display(progress)

    @hookimpl
    def on_episode_end(self, bucket: BucketInfo, episode: EpisodeReport) -> None:
        """Show one more episode."""
        if display := self._displays.get(bucket.run_dir):
            display.episode(bucket, episode)

    @hookimpl
    def cleanup(self, bucket: BucketInfo, error: BaseException | None) -> None:
        """Give the terminal back, and show how the bucket ended."""
        if display := self._displays.get(bucket.run_dir):
            display.end(bucket, error)
            self._displays.pop(bucket.run_dir, None)

    @hookimpl
    def on_run_end(self, run: RunInfo, results: tuple[BucketResult, ...], error: BaseException | None) -> None:
        """Show the verdicts and the results of the whole sequence side by side."""
        if display := self._displays.get(run.run_dir):
            display.stop()  # a bucket whose cleanup was never called, or was interrupted
            self._displays.pop(run.run_dir, None)
        if error is not None or not results:
            return
        stream = QuietStream(self._file or sys.stdout)
        console = None if self._shows_a_view() else _terminal(stream)
        if self._in_a_notebook():
            show(Group(closing(results), *verdict_lines(results)))
        elif console is not None:
            console.print(closing(results), *verdict_lines(results), sep="\n")
        else:
            verdicts = [line.plain for line in verdict_lines(results)]
            _print("\n".join([plain_text(closing(results, box=None)), *verdicts]), stream)

    def _display(self, progress: Progress) -> Display:
        if self._in_a_notebook():
            return Cell(progress, self._clock)
        stream = QuietStream(self._file or sys.stdout)
        console = None if self._shows_a_view() else _terminal(stream)
        return Lines(progress, self._clock, stream) if console is None else View(progress, self._clock, stream, console)

    def _in_a_notebook(self) -> bool:
        return self._file is None and in_notebook()

    def _shows_a_view(self) -> bool:
        return any(isinstance(display, View) for display in self._displays.values())


class Lines(Display):
    """A bucket as plain lines."""

    def __init__(self, progress: Progress, clock: Callable[[], float], stream: QuietStream) -> None:
        super().__init__(progress, clock)
        self._stream = stream

    def episode(self, bucket: BucketInfo, episode: EpisodeReport) -> None:
        """Print the lines that this episode is worth."""
        super().episode(bucket, episode)
        for line in episode_lines(self.progress, self.elapsed):
            _print(line, self._stream)

    def end(self, bucket: BucketInfo, error: BaseException | None) -> None:
        """Print how the bucket ended, where it did not fail."""
        if error is None and bucket.results:
            for line in end_lines(self.progress, bucket.results[-1]):
                _print(line, self._stream)


class View(Display):
    """A bucket as a live view on the terminal's second screen."""

    def __init__(self, progress: Progress, clock: Callable[[], float], stream: QuietStream, console: Console) -> None:
        super().__init__(progress, clock)
        self._console = console
        self._screen: Screen | None = Screen(console, cast("TextIO", stream), self._frame)
        self._screen.open()

    def end(self, bucket: BucketInfo, error: BaseException | None) -> None:
        """Go back to the first screen; an error leaves the last view there, where an episode was seen."""
        self.stop()
        if error is None and bucket.results:
            for line in end_lines(self.progress, bucket.results[-1]):
                self._console.print(line, markup=False)
        elif self.progress.reports:
            self._console.print(LiveView(self.progress, self.elapsed, min(ROWS, self._console.height)))

    def stop(self) -> None:
        """Go back to the first screen."""
        if self._screen is not None:
            self._screen.close()
            self._screen = None

    def _frame(self, width: int, rows: int) -> RenderableType:
        notes = self._screen.notes.lines(NOTES_SHOWN) if self._screen is not None else []
        hint = [Text(f" {HOW_TO_STOP}", "dim", no_wrap=True, overflow="ellipsis")] if rows >= ROWS_WITH_HINT else []
        return Group(LiveView(self.progress, self.elapsed, rows - len(hint), notes), *hint)


def _print(text: str, stream: QuietStream) -> None:
    shown = "\n".join(map(printable, text.split("\n")))
    print(shown.encode(stream.encoding, "replace").decode(stream.encoding), file=stream, flush=True)


def _terminal(file: QuietStream) -> Console | None:
    """Return a console for the live view, or None where none can be shown."""
    console = printable_console(file=cast("TextIO", file), force_terminal=file.isatty(), highlight=False)
    plain = console.is_dumb_terminal or console.options.ascii_only or console.legacy_windows
    shown = console.is_terminal and not plain
    return console if shown else None


console = ConsolePlugin()
