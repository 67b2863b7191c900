"""A bucket on the market whose learner is a `WeightsLearner`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import field, frozen

from progressive_market.bucket_market import bytes_of_bucket_market, check_bucket_market
from progressive_market.market_settings import MARKET_SETTINGS
from progressive_market.own_learner.weights_learner import WeightsLearner
from progressive_market.own_learner.weights_model import WeightsModel, load_weights_model
from progressive_market.studied_bucket import StudiedBucket
from progressive_training import BucketInfo, Resources, Setting


def _with_market(settings: tuple[Setting[Any], ...]) -> tuple[Setting[Any], ...]:
    return (*MARKET_SETTINGS, *settings)


@frozen(kw_only=True)
class WeightsBucket(StudiedBucket):
    """Implements `progressive_training.Bucket`. `learner` is the class of its learner; `settings` those that it declares,
    to which the market's are added."""

    name: str
    horizons: tuple[int, ...]
    learner: type[WeightsLearner]
    settings: tuple[Setting[Any], ...] = field(default=(), converter=_with_market)

    def memory_needed(self, bucket: BucketInfo, resources: Resources) -> int:
        """Estimate the bytes of the market; a learner of a few weights adds little."""
        return bytes_of_bucket_market(bucket)

    def check(self, bucket: BucketInfo, resources: Resources) -> None:
        """Look for leaks, and for too few bars, before anything is trained."""
        check_bucket_market(bucket, resources)

    def open(self, bucket: BucketInfo, resources: Resources) -> WeightsLearner:
        """Load the bars, split them, and build the learner."""
        return self.learner(bucket, resources)

    def load_model(self, path: str | Path) -> WeightsModel:
        """Read a model of this bucket."""
        return load_weights_model(path, self.learner.policy_from)
