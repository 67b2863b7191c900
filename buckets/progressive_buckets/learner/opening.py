"""From a bucket's declaration to its learner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from progressive_buckets.learner.compute import prepare
from progressive_buckets.learner.critic import Hyper
from progressive_buckets.learner.learner import MarketLearner
from progressive_training.market import configured_bars, market_on, with_features

if TYPE_CHECKING:
    from progressive_buckets.market_bucket import MarketBucket
    from progressive_training import BucketInfo, Resources
    from progressive_training.market import Bars


def open_learner(bucket: MarketBucket, info: BucketInfo, resources: Resources) -> MarketLearner:
    """Load the configured bars, which `check_bucket_market` has checked, and build the bucket's learner on them."""
    prepare(info.settings)
    bars = configured_bars(info.settings, resources.cache_dir, resources.cache_bytes)
    return learner_on(with_features(bars, info.settings["PLUGINS"]), bucket, info, resources)


def learner_on(bars: Bars, bucket: MarketBucket, info: BucketInfo, resources: Resources) -> MarketLearner:
    """Build the bucket's learner on `bars` that have been checked.

    :raise DataError: too few bars, in all or between two gaps.
    """
    market, split = market_on(bars, info, resources.device)
    hyper = Hyper(discount=bucket.discount, width=bucket.width, members=bucket.members, reluctance=bucket.reluctance)
    return MarketLearner(info, resources, market, split, hyper, bucket.exploration)
