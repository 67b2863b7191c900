"""Early stopping: training past the best score is how these learners overfit."""

from __future__ import annotations

from progressive_training import BucketInfo, EpisodeReport, Setting, StopRequest, Whole, hookimpl

PATIENCE = Setting(
    "PATIENCE",
    12,
    Whole(1, 1_000_000),
    "stop a bucket after this many episodes without a better score",
    per_bucket=True,
)
settings = (PATIENCE,)


@hookimpl
def on_episode_end(bucket: BucketInfo, episode: EpisodeReport) -> StopRequest | None:
    """Ask for an end after PATIENCE episodes without a better score. Where validation chooses nothing, the latest
    episode counts as the best, and none is waited for."""
    waited = episode.episode - episode.best_episode
    if waited < bucket.settings[PATIENCE]:
        return None
    return StopRequest(reason=f"no better score for {waited} episodes")
