"""The live view of a run in training, drawn from a `Progress` and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from progressive_plugins.console.offers import later_line, offers, refused_line, taken_line
from progressive_plugins.console.sparkline import sparkline
from progressive_plugins.console.view_state import Progress, best_at, episode_words, horizon_words, trace_lines
from progressive_training import BucketInfo, BucketResult, LedgerEntry
from progressive_training.presentation import bytes_text, profit_text, share_text, time_text

ROWS = 21
"""Of a terminal of 24: the view takes no more unless it is given more."""
FACTS = 7
"""Rows of what is known of every episode, with a curve of one row."""
FIRST_FACTS = ("episodes", "score", "buckets", "curve", "speed", "memory", "exploring")
"""Which of them are kept where there are fewer rows."""
FRAME = 3
"""Rows of the sequence and of the panel's edges."""
MOST_CURVE_ROWS = 9
"""More than one, where there is room."""
NOTES_SHOWN = 3


class LiveView:
    """The picture of one moment; it fits itself to the columns and rows that it is given, where these are 40 by 4 or more.

    :param elapsed: seconds since the bucket began.
    :param rows: as many as it may take.
    :param notes: what others printed meanwhile, newest last.
    """

    def __init__(self, progress: Progress, elapsed: float, rows: int = ROWS, notes: Sequence[str] = ()) -> None:
        self.progress = progress
        self.elapsed = elapsed
        self.rows = rows
        self.notes = notes

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        bucket = self.progress.bucket
        about = horizon_words(bucket.horizons)
        if bucket.scratch_arm:
            about.insert(0, "scratch arm")
        if bucket.probe:
            about.insert(0, "probe, to find the order")
        if self.progress.resumed_at:
            about.append(f"resumed at episode {self.progress.resumed_at}")
        left = self.rows - FACTS - FRAME
        sections: list[RenderableType] = []
        for lines in (self._notes(), self._transfers(), self._traces(), self._finished()):
            most = min(left - 1, max(4, left // 2))  # what comes first leaves something to the others
            if shown := lines[-most:] if most > 0 else []:
                sections += ["", Text("\n", no_wrap=True, overflow="ellipsis").join(shown)]
                left -= len(shown) + 1
        kept = FIRST_FACTS[: max(1, self.rows - FRAME)]
        body = [self._facts(options.max_width, kept, curve_rows=1 + min(MOST_CURVE_ROWS, max(0, left))), *sections]
        yield sequence_line(bucket, options.max_width)
        yield Panel(
            Group(*body),
            title=f"[bold]{bucket.name}[/bold] [dim]{', '.join(about)}[/dim]",
            title_align="left",
            border_style="cyan",
            padding=(0, 1),
        )

    def _facts(self, width: int, kept: Sequence[str], curve_rows: int) -> Table:
        progress, last = self.progress, self.progress.last
        facts, bar_width = _grid(width), max(10, width - 40)
        done = last.episode if last else 0
        planned = max(progress.bucket.episodes, 1)
        bar = _bar(done, planned, bar_width, f"{done}/{planned}", progress.bucket_left())
        finished, count = progress.position - 1, len(progress.bucket.sequence)
        part = finished + min(1.0, done / planned)
        left = progress.sequence_left(self.elapsed)
        rows: dict[str, tuple[str, RenderableType]] = {"episodes": ("episodes", bar)}
        rows["buckets"] = "buckets", _bar(part, count, bar_width, f"{finished}/{count}", left)
        if last is None:
            rows["score"] = "", Text("preparing data and model", "dim")
        else:
            rows["curve"] = "score", sparkline(progress.scores, bar_width, curve_rows)
            best = f" {best_at(last.best_episode)}", "dim"
            scores = Text.assemble("now ", _profit(last.score), "  best ", _profit(last.best_score), best)
            rows["score"] = "" if "curve" in kept else "score", scores
            cause = f"  {last.exploration_cause}", "dim"
            rows["exploring"] = "exploring", Text.assemble(share_text(last.exploration, 1), cause)
            rows["memory"] = "memory", _memory(last.memory_used, progress.resources.memory_limit)
            if last.seconds > 0:
                pace = f"{last.transitions / last.seconds:,.0f} bars/s"
                rows["speed"] = "speed", Text.assemble(pace, (f"  loss {last.loss:.3g}", "dim"))
        for name, row in rows.items():
            if name in kept:
                facts.add_row(*row)
        return facts

    def _notes(self) -> list[Text]:
        return [Text(line.removeprefix("progressive-training: "), "yellow") for line in self.notes[-NOTES_SHOWN:]]

    def _transfers(self) -> list[Text]:
        return transfer_lines(self.progress.transfers)

    def _traces(self) -> list[Text]:
        traces = trace_lines(self.progress.last.traces if self.progress.last else {})
        return [Text.assemble((f"{name:11.11}  ", "dim"), text) for name, text in traces]

    def _finished(self) -> list[Text]:
        return [finished_line(result) for result in self.progress.bucket.results]


def sequence_line(bucket: BucketInfo, width: int) -> Text:
    """Draw the sequence: finished buckets ticked, the one in training highlighted.

    :param width: columns; of a sequence that is longer, finished buckets are counted, and the end is cut off.
    """
    finished = [result.bucket for result in bucket.results if result.bucket in bucket.sequence]
    names = [name for name in bucket.sequence if name not in finished]
    ticks = [Text.assemble(("✓ ", "cyan"), name) for name in finished]
    others = [
        Text(f" ● {name} ", "bold reverse cyan") if name == bucket.name else Text(f"○ {name}", "dim") for name in names
    ]
    between = Text("  ›  ", "dim")
    line = Text(" ").append_text(between.join([*ticks, *others]))
    if line.cell_len > width and len(finished) > 1:
        line = Text(" ").append_text(between.join([Text.assemble(("✓ ", "cyan"), f"{len(finished)} buckets"), *others]))
    line.no_wrap, line.overflow = True, "ellipsis"
    return line


def transfer_lines(transfers: Sequence[LedgerEntry]) -> list[Text]:
    """Draw transfers, oldest first: a line for each offer that was taken, one for all at the start that were not, one that
    counts all later ones that were not."""
    made = offers(transfers)
    untaken = [offer for offer in made if not offer.taken]
    lines = [Text(taken_line(offer, "→")) for offer in made if offer.taken]
    first, later = (
        [each for each in untaken if (each.first.phase == "initial") is initial] for initial in (True, False)
    )
    if first:
        lines.insert(0, Text(refused_line(first), "dim"))
    if later:
        lines.append(Text(later_line(later), "dim"))
    return lines


def finished_line(result: BucketResult) -> Text:
    """Draw how a bucket ended, without a result: that is for the verdict, which is made at the end of the run."""
    facts = f"{episode_words(result.episodes)} in {time_text(result.seconds)}, best {best_at(result.best_episode)}"
    return Text.assemble(("✓ ", "cyan"), f"{result.bucket}  ", (f"{facts}  ({result.stopped})", "dim"))


def _grid(width: int) -> Table:
    """Labels and what they label, cut short to stay on one line of a panel of `width`."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", width=11, no_wrap=True, overflow="ellipsis")
    grid.add_column(no_wrap=True, overflow="ellipsis", width=max(10, width - 4 - 13))
    return grid


def _bar(done: float, total: float, width: int, count: str, left: float | None) -> Table:
    """Draw a bar, how many are done, and the time left."""
    row = Table.grid(padding=(0, 2))
    row.add_column(width=width)
    row.add_column(justify="right", min_width=7, no_wrap=True)
    row.add_column(no_wrap=True, style="dim")
    row.add_row(
        ProgressBar(total=total, completed=done, width=width, complete_style="cyan", finished_style="cyan"),
        count,
        "" if left is None or left < 1 else f"{time_text(left)} left",
    )
    return row


def _memory(used: int, limit: int | None) -> Text:
    if not limit:
        return Text(bytes_text(used))
    share = used / limit
    style = "red" if share > 1 else "yellow" if share > 0.9 else ""
    return Text.assemble((bytes_text(used), style), (f" in use, at most {bytes_text(limit)} allowed", "dim"))


def _profit(score: float) -> Text:
    return Text(profit_text(score), "red" if score < 0 else "")
