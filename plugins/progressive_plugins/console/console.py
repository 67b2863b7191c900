"""The console: a live view of the run on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO, cast

from rich.console import Console, Group, RenderableType
from rich.text import Text

from progressive_plugins.console.closing import closing, verdict_lines
from progressive_plugins.console.plain import end_lines, episode_lines
from progressive_plugins.console.screen import Screen
from progressive_plugins.console.stream import QuietStream
from progressive_plugins.console.view import NOTES_SHOWN, ROWS, LiveView
from progressive_plugins.console.view_state import Progress
from progressive_plugins.metrics import read_metrics
from progressive_training import BucketInfo, BucketResult, EpisodeReport, Resources, RunInfo, hookimpl
from progressive_training.presentation import plain_text

HOW_TO_STOP = "Ctrl-C stops at the end of an episode; the run can go on from there"


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
        self._choosing = threading.Lock()

    @hookimpl  # named by -p, so called after the policies: it shows what they left the bucket
    def on_bucket_start(self, bucket: BucketInfo, resources: Resources) -> None:
        """Begin the view of a bucket."""
        with self._choosing:
            if before := self._displays.pop(bucket.run_dir, None):
                before.stop()  # a bucket whose cleanup was never called
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
        if display := self._displays.pop(bucket.run_dir, None):
            display.end(bucket, error)

    @hookimpl
    def on_run_end(self, run: RunInfo, results: tuple[BucketResult, ...], error: BaseException | None) -> None:
        """Show the verdicts and the results of the whole sequence side by side."""
        if display := self._displays.pop(run.run_dir, None):
            display.stop()  # a bucket whose cleanup was never called
        if error is not None or not results:
            return
        stream = QuietStream(self._file or sys.stdout)
        console = None if self._shows_a_view() else _terminal(stream)
        if console is None:
            verdicts = [line.plain for line in verdict_lines(results)]
            _print("\n".join([plain_text(closing(results, box=None)), *verdicts]), stream)
        else:
            console.print(closing(results), *verdict_lines(results), sep="\n")

    def _display(self, progress: Progress) -> Display:
        stream = QuietStream(self._file or sys.stdout)
        console = None if self._shows_a_view() else _terminal(stream)
        return Lines(progress, stream, self._clock) if console is None else View(progress, stream, self._clock, console)

    def _shows_a_view(self) -> bool:
        return any(isinstance(display, View) for display in self._displays.values())


class Display:
    """One bucket, as this console shows it."""

    def __init__(self, progress: Progress, stream: QuietStream, clock: Callable[[], float]) -> None:
        self.progress = progress
        self.stream = stream
        self._clock = clock

    @property
    def elapsed(self) -> float:
        """Seconds since the bucket began."""
        return self._clock() - self.progress.started

    def episode(self, bucket: BucketInfo, episode: EpisodeReport) -> None:
        """Take up one more episode."""
        if not self.progress.reports and episode.episode > 1:
            earlier = read_metrics(bucket.run_dir / "metrics.jsonl").get(bucket.name, [])
            self.progress = self.progress.resumed(episode.episode, earlier)
        self.progress = self.progress.with_report(episode)

    def end(self, bucket: BucketInfo, error: BaseException | None) -> None:
        """Show how the bucket ended, where it did not fail."""
        self.stop()
        if error is None and bucket.results:
            for line in end_lines(self.progress, bucket.results[-1]):
                self.say(line)

    def say(self, line: str) -> None:
        """Print one line."""
        _print(line, self.stream)

    def stop(self) -> None:
        """Show nothing more."""


class Lines(Display):
    """A bucket as plain lines."""

    def episode(self, bucket: BucketInfo, episode: EpisodeReport) -> None:
        """Print the lines that this episode is worth."""
        super().episode(bucket, episode)
        for line in episode_lines(self.progress, self.elapsed):
            self.say(line)


class View(Display):
    """A bucket as a live view on the terminal's second screen."""

    def __init__(self, progress: Progress, stream: QuietStream, clock: Callable[[], float], console: Console) -> None:
        super().__init__(progress, stream, clock)
        self._console = console
        self._screen: Screen | None = Screen(console, cast("TextIO", stream), self._frame)
        self._screen.open()

    def end(self, bucket: BucketInfo, error: BaseException | None) -> None:
        """Go back to the first screen; an error leaves the last view there, where an episode was seen."""
        super().end(bucket, error)
        if error is not None and self.progress.reports:
            self._console.print(LiveView(self.progress, self.elapsed, min(ROWS, self._console.height)))

    def say(self, line: str) -> None:
        """Print one line, broken between words."""
        self._console.print(line, markup=False)

    def stop(self) -> None:
        """Go back to the first screen."""
        if self._screen is not None:
            screen, self._screen = self._screen, None
            screen.close()

    def _frame(self, width: int, rows: int) -> RenderableType:
        notes = self._screen.notes.lines(NOTES_SHOWN) if self._screen is not None else []
        view = LiveView(self.progress, self.elapsed, rows - 1, notes)
        return Group(view, Text(f" {HOW_TO_STOP}", "dim", no_wrap=True, overflow="ellipsis"))


def _print(text: str, stream: QuietStream) -> None:
    print(text.encode(stream.encoding, "replace").decode(stream.encoding), file=stream, flush=True)


def _terminal(file: QuietStream) -> Console | None:
    """Return a console for the live view, or None where none can be shown."""
    console = Console(file=cast("TextIO", file), force_terminal=file.isatty(), highlight=False)
    shown = console.is_terminal and not console.is_dumb_terminal and not console.options.ascii_only
    return console if shown else None


console = ConsolePlugin()
