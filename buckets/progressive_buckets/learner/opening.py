"""From a bucket's declaration to its learner."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from progressive_buckets.learner.compute import prepare
from progressive_buckets.learner.critic import Hyper
from progressive_buckets.learner.learner import MarketLearner
from progressive_buckets.learner_settings import (
    AUXILIARY_WEIGHT,
    DISCOUNT,
    DROPOUT,
    HOLDING,
    LOOKAHEAD,
    MEMBERS,
    RELUCTANCE,
    REWARD,
    TRACE,
    TRACKING,
    WEIGHT_DECAY,
    WIDTH,
)
from progressive_training.market import configured_market, market_on

if TYPE_CHECKING:
    from progressive_buckets.market_bucket import MarketBucket
    from progressive_buckets.specialists.specialist_pair import SpecialistPair
    from progressive_training import BucketInfo, Resources, Settings
    from progressive_training.market import Bars, Market, Split

T = TypeVar("T")


def open_learner(bucket: MarketBucket, info: BucketInfo, resources: Resources) -> MarketLearner | SpecialistPair:
    """Load the configured bars, which `check_bucket_market` has checked, and build the bucket's learner on them; with its
    specialists where the market knows regimes."""
    prepare(info.settings)
    market, split = configured_market(info, resources)
    learner = learner_of(bucket, info, resources, market, split)
    learner.evaluator.ridge()  # every run fits it for its closing table: it is no part of what transfer costs
    return learner


def learner_of(
    bucket: MarketBucket, info: BucketInfo, resources: Resources, market: Market, split: Split
) -> MarketLearner | SpecialistPair:
    """The bucket's learner on `market`; where that knows regimes, with specialists for them beside it."""
    hyper = hyper_for(bucket, info.settings)

    def on(its_market: Market) -> MarketLearner:
        return MarketLearner(info, resources, its_market, split, hyper, bucket.exploration)

    if market.regimes is None:
        return on(market)
    from progressive_buckets.specialists.gating import gated_market
    from progressive_buckets.specialists.specialist_pair import SpecialistPair

    return SpecialistPair(on(market), on(gated_market(market)))


def learner_on(bars: Bars, bucket: MarketBucket, info: BucketInfo, resources: Resources) -> MarketLearner:
    """Build the bucket's learner on `bars` that have been checked, without specialists.

    :raise DataError: too few bars, in all or between two gaps.
    """
    market, split = market_on(bars, info, resources.device)
    return MarketLearner(info, resources, market, split, hyper_for(bucket, info.settings), bucket.exploration)


def hyper_for(bucket: MarketBucket, settings: Settings) -> Hyper:
    """How the bucket's critic learns: by its settings, and by the bucket itself where one is null."""
    return Hyper(
        discount=_given(settings[DISCOUNT], bucket.discount),
        reluctance=_given(settings[RELUCTANCE], bucket.reluctance),
        holding=settings[HOLDING],
        by_volatility=settings[REWARD] == "volatility",
        width=_given(settings[WIDTH], bucket.width),
        members=_given(settings[MEMBERS], bucket.members),
        drop=settings[DROPOUT],
        decay=settings[WEIGHT_DECAY],
        tracking=settings[TRACKING],
        auxiliary=settings[AUXILIARY_WEIGHT],
        trace=settings[TRACE],
        lookahead=settings[LOOKAHEAD],
    )


def _given(value: T | None, own: T) -> T:
    return own if value is None else value
