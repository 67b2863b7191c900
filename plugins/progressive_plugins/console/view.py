"""The live view of a run in training, drawn from a `Progress` and nothing else."""

from __future__ import annotations

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from progressive_plugins.console.sparkline import sparkline
from progressive_plugins.console.view_state import Progress, trace_lines, transfer_outcome
from progressive_training import BucketInfo, LedgerEntry
from progressive_training.presentation import bytes_text, profit_text, share_text, time_text

TRANSFERS_SHOWN = 6
TRACES_SHOWN = 4
VERDICT_STYLES = {"kept": "green", "rolled back": "yellow", "skipped": "dim", "failed": "bold red"}


class LiveView:
    """The picture of one moment; it fits itself to the width it is given (80 columns and up).

    :param elapsed: seconds since the bucket began.
    """

    def __init__(self, progress: Progress, elapsed: float) -> None:
        self.progress = progress
        self.elapsed = elapsed

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        bucket = self.progress.bucket
        about = [f"horizons {bucket.horizons[0]}-{bucket.horizons[-1]} bars"] if bucket.horizons else []
        if bucket.scratch_arm:
            about.insert(0, "scratch arm")
        if bucket.probe:
            about.insert(0, "probe, to find the order")
        if self.progress.resumed_at:
            about.append(f"resumed at episode {self.progress.resumed_at}")
        body: list[RenderableType] = [self._facts(options.max_width)]
        if self.progress.transfers:
            body += ["", transfer_lines(self.progress.transfers[-TRANSFERS_SHOWN:])]
        traces = self._traces(options.max_width)
        if traces.row_count:
            body += ["", traces]
        yield sequence_line(bucket)
        yield Panel(
            Group(*body),
            title=f"[bold]{bucket.name}[/bold] [dim]{', '.join(about)}[/dim]",
            title_align="left",
            border_style="cyan",
            padding=(0, 1),
        )

    def _facts(self, width: int) -> Table:
        progress, last = self.progress, self.progress.last
        facts, bar_width = _grid(width), max(10, min(60, width - 40))
        done = last.episode if last else 0
        planned = max(progress.bucket.episodes, 1)
        facts.add_row("episodes", _bar(done, planned, bar_width, f"{done}/{planned}", progress.bucket_left()))
        finished, count = progress.position - 1, len(progress.bucket.sequence)
        part = finished + min(1.0, done / planned)
        left = progress.sequence_left(self.elapsed)
        facts.add_row("buckets", _bar(part, count, bar_width, f"{finished}/{count}", left))
        if last is None:
            facts.add_row("", Text("preparing data and model", "dim"))
            return facts
        facts.add_row("validation", sparkline(progress.scores, bar_width))
        scores = Text.assemble(
            "now ",
            _profit(last.score),
            "  best ",
            _profit(last.best_score),
            (f" at episode {last.best_episode}", "dim"),
        )
        facts.add_row("", scores)
        exploring = Text.assemble(share_text(last.exploration, 1), (f"  {last.exploration_cause}", "dim"))
        facts.add_row("exploring", exploring)
        facts.add_row("memory", _memory(last.memory_used, progress.resources.memory_limit))
        pace = f"{last.transitions / last.seconds:,.0f} bars/s" if last.seconds > 0 else ""
        facts.add_row("trades", Text.assemble(f"{last.trades:,}", (f"  loss {last.loss:.3g}  {pace}", "dim")))
        return facts

    def _traces(self, width: int) -> Table:
        table = _grid(width)
        for name, text in trace_lines(self.progress.last.traces if self.progress.last else {})[:TRACES_SHOWN]:
            table.add_row(name, Text(text, no_wrap=True, overflow="ellipsis"))
        return table


def sequence_line(bucket: BucketInfo) -> Text:
    """Draw the sequence: finished buckets ticked with their best score, the one in training highlighted."""
    finished = {result.bucket: result for result in bucket.results}
    line = Text(" ", overflow="fold")
    for position, name in enumerate(bucket.sequence):
        if position:
            line.append("  ›  ", "dim")
        if name == bucket.name:
            line.append(f" ● {name} ", "bold reverse cyan")
        elif name in finished:
            score = finished[name].best_score
            line.append("✓ ", "green").append(f"{name} ").append(_profit(score))
        else:
            line.append(f"○ {name}", "dim")
    return line


def transfer_lines(transfers: tuple[LedgerEntry, ...]) -> Text:
    """Draw transfers, oldest first: what, from whom to whom, when, and how it ended; each on a line, cut short to fit.

    A table would do it too, at five times the time, and this is most of a frame.
    """
    rows = []
    for entry in transfers:
        style = VERDICT_STYLES[entry.verdict]
        when = entry.phase if entry.phase == "initial" else f"{entry.phase} {entry.episode}"
        outcome = Text(transfer_outcome(entry, "→"), "" if entry.verdict == "kept" else style)
        path = Text(f"{entry.source} → {entry.target}")
        rows.append((Text(entry.strategy, "bold"), path, Text(when, "dim"), Text(entry.verdict, style), outcome))
    widths = [max(row[column].cell_len for row in rows) for column in range(4)]
    for row in rows:
        for cell, width in zip(row, widths, strict=False):
            cell.pad_right(width + 2 - cell.cell_len)
    return Text("\n", no_wrap=True, overflow="ellipsis").join(Text().join(row) for row in rows)


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
        ProgressBar(total=total, completed=done, width=width, complete_style="cyan", finished_style="green"),
        count,
        "" if left is None else f"{time_text(left)} left",
    )
    return row


def _memory(used: int, limit: int | None) -> Text:
    if not limit:
        return Text(bytes_text(used))
    share = used / limit
    style = "red" if share > 1 else "yellow" if share > 0.9 else ""
    return Text.assemble((bytes_text(used), style), (f" of {bytes_text(limit)} allowed", "dim"))


def _profit(score: float) -> Text:
    return Text(profit_text(score), "red" if score < 0 else "green" if score > 0 else "")
