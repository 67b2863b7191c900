"""Early stopping: training past the best validation score is how these learners overfit."""

from __future__ import annotations

from progressive_training import BucketInfo, EpisodeReport, StopRequest, hookimpl


@hookimpl
def on_episode_end(bucket: BucketInfo, episode: EpisodeReport) -> StopRequest | None:
    """Ask for an end after PATIENCE episodes without a better validation score."""
    waited = episode.episode - episode.best_episode
    if waited < bucket.settings["PATIENCE"]:
        return None
    return StopRequest(reason=f"no better validation score for {waited} episodes")
