"""The console: a live view of the run on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO, cast

from rich.console import Console, RenderableType
from rich.live import Live

from progressive_plugins.console.plain import end_lines, episode_lines, plain_text, start_line
from progressive_plugins.console.stream import QuietStream
from progressive_plugins.console.table import closing_table, sequence_table
from progressive_plugins.console.view import LiveView, transfer_lines
from progressive_plugins.console.view_state import Progress
from progressive_plugins.metrics import read_metrics
from progressive_training import BucketInfo, BucketResult, EpisodeReport, Resources, RunInfo, hookimpl

FRAMES_PER_SECOND = 1
"""A frame costs some milliseconds that training would have had: what changes by the episode needs no more of them."""


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
        self._displays: dict[Path, _Display] = {}
        self._choosing = threading.Lock()

    @hookimpl  # named by -p, so called after the policies: it shows what they left the bucket
    def on_bucket_start(self, bucket: BucketInfo, resources: Resources) -> None:
        """Begin the view of a bucket."""
        with self._choosing:
            if before := self._displays.pop(bucket.run_dir, None):
                before.stop()  # a bucket whose cleanup was never called
            alone = not any(display.is_live for display in self._displays.values())
            progress = Progress(bucket=bucket, resources=resources, started=self._clock())
            self._displays[bucket.run_dir] = _Display(progress, self._file or sys.stdout, self._clock, live=alone)

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
        """Show the results of the whole sequence side by side."""
        if display := self._displays.pop(run.run_dir, None):
            display.stop()  # a bucket whose cleanup was never called
        if error is not None or len(results) < 2:
            return
        stream = QuietStream(self._file or sys.stdout)
        console = None if any(display.is_live for display in self._displays.values()) else _live_console(stream)
        if console is None:
            _print(plain_text(sequence_table(results, box=None)), stream)
        else:
            console.print(sequence_table(results))


class _Display:
    """One bucket on the screen: as a live view where `live` is wanted and can be shown, else as lines."""

    def __init__(self, progress: Progress, file: TextIO, clock: Callable[[], float], *, live: bool) -> None:
        self._progress = progress
        self._stream = QuietStream(file)
        self._clock = clock
        self._live: Live | None = None
        console = _live_console(self._stream) if live else None
        if console is None:
            self._print(start_line(self._progress))
            return
        self._live = Live(
            console=console,
            get_renderable=self._view,
            refresh_per_second=FRAMES_PER_SECOND,
            transient=True,
            redirect_stderr=sys.stderr.isatty(),  # a stderr that goes to a file must not land on the screen
        )
        self._live.start(refresh=True)

    @property
    def is_live(self) -> bool:
        return self._live is not None

    def episode(self, bucket: BucketInfo, episode: EpisodeReport) -> None:
        if not self._progress.reports and episode.episode > 1:
            earlier = read_metrics(bucket.run_dir / "metrics.jsonl").get(bucket.name, [])
            self._progress = self._progress.resumed(episode.episode, earlier)
        self._progress = self._progress.with_report(episode)
        if self._live is None:
            for line in episode_lines(self._progress):
                self._print(line)

    def end(self, bucket: BucketInfo, error: BaseException | None) -> None:
        live = self._live
        if live is not None:
            live.transient = error is None  # an error leaves the last view on the screen
        self.stop()
        if error is not None or not bucket.results:
            return
        result = bucket.results[-1]
        if live is None:
            for line in end_lines(self._progress, result):
                self._print(line)
            for each in (*self._judged_since(bucket), result):
                self._print(plain_text(closing_table(each, box=None)))
            return
        for each in (*self._judged_since(bucket), result):
            live.console.print(closing_table(each))
        if result.transfers:
            live.console.print(transfer_lines(result.transfers))
        live.console.print()

    def _judged_since(self, bucket: BucketInfo) -> list[BucketResult]:
        """The earlier buckets on which the verdict came with the end of this one."""
        waiting = {each.bucket for each in self._progress.bucket.results if each.evaluation is None}
        return [each for each in bucket.results[:-1] if each.bucket in waiting and each.evaluation is not None]

    def stop(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _print(self, text: str) -> None:
        _print(text, self._stream)

    def _view(self) -> RenderableType:
        if self._live is not None and self._live.transient and not self._live.is_started:
            return ""  # rich draws once more as it stops, and wipes that away
        return LiveView(self._progress, self._clock() - self._progress.started)


def _print(text: str, stream: QuietStream) -> None:
    print(text.encode(stream.encoding, "replace").decode(stream.encoding), file=stream, flush=True)


def _live_console(file: QuietStream) -> Console | None:
    """Return a console for the live view, or None where none can be shown."""
    console = Console(file=cast("TextIO", file), force_terminal=file.isatty(), highlight=False)
    shown = console.is_terminal and not console.is_dumb_terminal and not console.options.ascii_only
    return console if shown else None


console = ConsolePlugin()
