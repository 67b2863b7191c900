"""What the console knows about a run while a bucket trains, and what follows from it: how far, how much longer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import evolve, frozen

from progressive_training import BucketInfo, EpisodeReport, LedgerEntry, Resources
from progressive_training.presentation import profit_text


@frozen(kw_only=True)
class Progress:
    """The bucket in training and the episodes seen of it.

    `started` is when the bucket began, in seconds of the console's clock. After a resume, `resumed_at` is the first
    episode seen, and `earlier` holds the validation scores of those before it.
    """

    bucket: BucketInfo
    resources: Resources
    started: float
    reports: tuple[EpisodeReport, ...] = ()
    resumed_at: int | None = None
    earlier: tuple[float | None, ...] = ()

    def resumed(self, at: int, metrics: Sequence[Mapping[str, Any]]) -> Progress:
        """Return the progress of a bucket that goes on at an episode, after those in `metrics` (parsed JSON lines)."""
        earlier = tuple(line["score"] for line in metrics if line["episode"] < at)
        return evolve(self, resumed_at=at, earlier=earlier)

    def with_report(self, report: EpisodeReport) -> Progress:
        """Return the progress after one more episode."""
        return evolve(self, reports=(*self.reports, report))

    @property
    def last(self) -> EpisodeReport | None:
        """The newest episode."""
        return self.reports[-1] if self.reports else None

    @property
    def scores(self) -> tuple[float | None, ...]:
        """The validation scores of all episodes of the bucket, oldest first."""
        return (*self.earlier, *(report.score for report in self.reports))

    @property
    def position(self) -> int:
        """Where the bucket stands in the sequence, counting from 1."""
        return self.bucket.sequence.index(self.bucket.name) + 1

    @property
    def transfers(self) -> tuple[LedgerEntry, ...]:
        """All transfers seen since the bucket began."""
        return tuple(entry for report in self.reports for entry in report.transfers)

    def bucket_left(self) -> float | None:
        """Estimate the seconds this bucket still needs, from its newest episodes; None before the first."""
        if self.last is None:
            return None
        newest = self.reports[-10:]
        pace = sum(report.seconds for report in newest) / len(newest)
        return pace * max(0, self.bucket.episodes - self.last.episode)

    def sequence_left(self, elapsed: float) -> float | None:
        """Estimate the seconds the whole sequence still needs, taking later buckets to be like those so far.

        :param elapsed: seconds since this bucket began.
        """
        left = self.bucket_left()
        if left is None:
            return None
        known = [result.seconds for result in self.bucket.results] + [elapsed + left]
        return left + (len(self.bucket.sequence) - self.position) * sum(known) / len(known)


def best_at(episode: int) -> str:
    """Say when the best score was: one that was taken over came before the first episode."""
    return f"at episode {episode}" if episode else "before the first episode"


def episode_words(count: int) -> str:
    """So many episodes."""
    return f"{count} {'episode' if count == 1 else 'episodes'}"


def horizon_words(horizons: Sequence[int]) -> list[str]:
    """The span of the horizons of a bucket; nothing for one that predicts nothing, as a committee does, whose one horizon is a bar."""
    return [f"horizons {horizons[0]}-{horizons[-1]} bars"] if horizons and horizons[-1] > 1 else []


def trace_lines(traces: Mapping[str, Any]) -> list[tuple[str, str]]:
    """One line for each naturalistic part: its name, and its newest trace as text."""
    lines = []
    for name, value in traces.items():
        if isinstance(value, list | tuple):
            text = _one_line(value[-1]) if value else ""
        elif isinstance(value, Mapping) and value.get("shown"):
            text = _lesson_line(value)
        else:
            text = _one_line(value)
        if text:
            lines.append((name, text))
    return lines


def _lesson_line(lessons: Mapping[str, Any]) -> str:
    """The number of trades and the most surprising lesson."""
    lesson = lessons["shown"][0]
    conclusion = lesson.get("conclusion") if isinstance(lesson, Mapping) else None
    if not conclusion:
        return _one_line(lesson)
    trade = f"{lesson.get('side', 'trade')} {lesson.get('bars_held', '?')} bars {profit_text(lesson.get('net'))}"
    return f"{lessons.get('count', len(lessons['shown']))} trades; {trade}: {conclusion}"


def _one_line(value: Any) -> str:
    if isinstance(value, Mapping):
        parts = [f"{key.replace('_', ' ')} {_one_line(item)}" for key, item in value.items() if _is_short(item)]
        return ", ".join(parts)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, list | tuple):
        return ", ".join(_one_line(item) for item in value[:4])
    return "" if value is None else str(value)


def _is_short(value: Any) -> bool:
    return value is not None and not isinstance(value, Mapping | list | tuple)
