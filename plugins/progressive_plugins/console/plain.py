"""The console off a terminal: whole lines of ASCII, no escape codes, for logs and pipes. Each line is worth reading."""

from __future__ import annotations

import re
from textwrap import shorten

from progressive_plugins.console.offers import choice_line, counted, later_line, offers, refused_line, taken_line
from progressive_plugins.console.view_state import Progress, best_at, episode_words, horizon_words
from progressive_training import BucketResult, EpisodeReport
from progressive_training.presentation import bytes_text, profit_text, share_text, time_text

LINES_PER_BUCKET = 4
LONGEST_CAUSE = 48


def first_line(progress: Progress) -> str:
    """The line about a bucket whose data were read: horizons, episodes and device, or where it goes on."""
    bucket, device = progress.bucket, progress.resources.device
    if progress.resumed_at:
        return f"{_where(progress)} goes on at episode {progress.resumed_at} of at most {bucket.episodes}, on {device}"
    horizons = ", ".join(horizon_words(bucket.horizons))
    return (
        f"{_where(progress)} begins: {horizons}{horizons and ', '}at most {episode_words(bucket.episodes)}, on {device}"
    )


def episode_lines(progress: Progress, elapsed: float) -> list[str]:
    """The lines about the newest episode: what was taken before it, and its numbers if it is one of the few that are shown.

    :param elapsed: seconds since the bucket began.
    """
    report, bucket = progress.last, progress.bucket
    if report is None or bucket.probe:
        return []
    first = len(progress.reports) == 1
    lines = [first_line(progress)] if first else []
    made = offers(report.transfers)
    lines += [f"{_where(progress)} {taken_line(offer)}" for offer in made if offer.taken]
    if refused := [offer for offer in made if not offer.taken and offer.first.phase == "initial"]:
        lines.append(f"{_where(progress)} {refused_line(refused)}")
    every = -(-bucket.episodes // LINES_PER_BUCKET)
    if first or (report.episode % every == 0 and report.episode < bucket.episodes):  # its end has a line of its own
        lines.append(f"{_where(progress)} {_numbers(progress, report, elapsed)}")
    return lines


def end_lines(progress: Progress, result: BucketResult) -> list[str]:
    """The lines about a bucket's end: what was offered meanwhile for nothing, what it taught, why it ended, its best score.

    Of a member of a stage they come twice: when it is trained, and when it joins the run and meets the others.
    """
    where = _where(progress)
    lines = [f"{where} {choice_line(entry)}" for entry in result.transfers if entry.phase == "choice"]
    taught = offers(entry for entry in result.transfers if entry.phase != "choice")
    met = [offer for offer in taught if offer.first.target == result.bucket]
    made = [offer for offer in taught if offer.first.target != result.bucket]
    lines += [f"{where} {taken_line(offer)}" for offer in met if offer.taken]
    if refused := [offer for offer in met if not offer.taken]:
        lines.append(f"{where} {refused_line(refused)}")
    lines += [f"{where} taught {offer.first.target}, which {taken_line(offer)}" for offer in made if offer.taken]
    later = [offer for offer in offers(progress.transfers) if offer.first.phase == "periodic" and not offer.taken]
    if later:
        lines.append(f"{where} {later_line(later)}")
    if untaught := [offer for offer in made if not offer.taken]:
        lines.append(
            f"{where} taught {', '.join(offer.first.target for offer in untaught)} nothing: {counted(untaught)}"
        )
    best = f"best score {profit_text(result.best_score)} {best_at(result.best_episode)}"
    memory = f", {bytes_text(progress.last.memory_used)}" if progress.last and progress.last.memory_used else ""
    ends = "joins the run" if result.exchange_seconds else "ends"
    lines.append(
        f"{where} {ends} after {episode_words(result.episodes)} in {time_text(result.seconds)}{memory}: {best} ({result.stopped})"
    )
    return lines


def _where(progress: Progress) -> str:
    arm = ", scratch arm," if progress.bucket.scratch_arm else ", probe," if progress.bucket.probe else ""
    return f"[{progress.position}/{len(progress.bucket.sequence)}] {progress.bucket.name}{arm}"


def _numbers(progress: Progress, report: EpisodeReport, elapsed: float) -> str:
    best = f"best {profit_text(report.best_score)} {best_at(report.best_episode)}"
    exploring = f"exploring {share_text(report.exploration, 1)} ({_short(report.exploration_cause)})"
    line = f"{report.episode}/{progress.bucket.episodes}: score {profit_text(report.score)} ({best}), {exploring}"
    left = progress.sequence_left(elapsed) or 0.0
    return f"{line}, {time_text(left)} left" if left >= 1 else line


def _short(cause: str) -> str:
    """Return the first clause of a cause: a line is for skimming, metrics.jsonl has it in full."""
    return shorten(re.split(r"[;(]", cause)[0], LONGEST_CAUSE, placeholder="...")
