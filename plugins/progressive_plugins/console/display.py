"""One bucket, as a console shows it."""

from __future__ import annotations

from collections.abc import Callable

from progressive_plugins.console.view_state import Progress
from progressive_plugins.metrics import read_metrics
from progressive_training import BucketInfo, EpisodeReport


class Display:
    """What is known of a bucket in training, and what is shown of it: nothing, unless a subclass does.

    :param clock: seconds that only go forward.
    """

    def __init__(self, progress: Progress, clock: Callable[[], float]) -> None:
        self.progress = progress
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
        """Show how the bucket ended."""

    def stop(self) -> None:
        """Show nothing more."""
