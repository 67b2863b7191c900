"""The console off a terminal: whole lines of ASCII, no escape codes, for logs and pipes."""

from __future__ import annotations

import re
from io import StringIO
from textwrap import shorten

from rich.console import Console, RenderableType

from progressive_plugins.console.view_state import Progress, transfer_outcome
from progressive_training import BucketResult, EpisodeReport, LedgerEntry
from progressive_training.presentation import bytes_text, profit_text, share_text, time_text

LINES_PER_BUCKET = 8
LONGEST_CAUSE = 48


def start_line(progress: Progress) -> str:
    """The line about a bucket that begins: horizons, episodes, device and memory limit."""
    bucket, resources = progress.bucket, progress.resources
    limit = f", memory up to {bytes_text(resources.memory_limit)}" if resources.memory_limit else ""
    horizons = f"horizons {bucket.horizons[0]}-{bucket.horizons[-1]} bars, " if bucket.horizons else ""
    return f"{_where(progress)} begins: {horizons}up to {bucket.episodes} episodes on {resources.device}{limit}"


def episode_lines(progress: Progress) -> list[str]:
    """The lines about the newest episode: its transfers, and its numbers if it is one of the few that are shown."""
    report = progress.last
    if report is None:
        return []
    lines = [f"{_where(progress)} {transfer_line(entry)}" for entry in report.transfers]
    first = len(progress.reports) == 1
    if first and progress.resumed_at:
        lines.insert(0, f"{_where(progress)} resumed at episode {progress.resumed_at}")
    every = max(1, progress.bucket.episodes // LINES_PER_BUCKET)
    if first or report.episode % every == 0:
        lines.append(f"{_where(progress)} {_numbers(progress, report)}")
    return lines


def transfer_line(entry: LedgerEntry) -> str:
    """The line about a transfer: who taught whom, the verdict, and the scores or the reason."""
    outcome = transfer_outcome(entry, "->")
    return f"transfer {entry.strategy} {entry.source} -> {entry.target} ({entry.phase}) {entry.verdict}: {outcome}"


def end_lines(progress: Progress, result: BucketResult) -> list[str]:
    """The lines about a bucket's end: transfers back to earlier buckets, why it ended, its best score, its model's path."""
    lines = [f"{_where(progress)} {transfer_line(entry)}" for entry in result.transfers]
    lines.append(
        f"{_where(progress)} ends after {result.episodes} episodes ({result.stopped}): validation "
        f"{profit_text(result.best_score)} at episode {result.best_episode}, model in {result.model_path}"
    )
    return lines


def plain_text(renderable: RenderableType, width: int = 100) -> str:
    """Draw a rich renderable as text without colours, trailing blanks or escape codes."""
    file = StringIO()
    Console(file=file, width=width, force_terminal=False, color_system=None, highlight=False).print(renderable)
    return "\n".join(line.rstrip() for line in file.getvalue().rstrip().splitlines())


def _where(progress: Progress) -> str:
    arm = ", scratch arm" if progress.bucket.scratch_arm else ", probe" if progress.bucket.probe else ""
    return f"[{progress.position}/{len(progress.bucket.sequence)}] {progress.bucket.name}{arm}"


def _numbers(progress: Progress, report: EpisodeReport) -> str:
    left = progress.bucket_left()
    return (
        f"episode {report.episode}/{progress.bucket.episodes}: validation {profit_text(report.score)} "
        f"(best {profit_text(report.best_score)} at {report.best_episode}), {report.trades:,} trades, "
        f"exploring {share_text(report.exploration, 1)} ({_short(report.exploration_cause)}), {bytes_text(report.memory_used)}, "
        f"{time_text(left or 0)} left"
    )


def _short(cause: str) -> str:
    """Return the first clause of a cause: a line is for skimming, metrics.jsonl has it in full."""
    return shorten(re.split(r"[;(]", cause)[0], LONGEST_CAUSE, placeholder="...")
