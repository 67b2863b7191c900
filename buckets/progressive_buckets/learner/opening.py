"""From a bucket's declaration to a learner: bars, leak check, split, market."""

from __future__ import annotations

from time import time_ns
from typing import TYPE_CHECKING

import structlog

from progressive_buckets.learner.compute import prepare
from progressive_buckets.learner.critic import Hyper
from progressive_buckets.learner.learner import MarketLearner
from progressive_training import DataError, release_heap
from progressive_training.market import (
    Costs,
    Split,
    check_leaks,
    configured_bars,
    doubts,
    feature_table,
    open_market,
    split_bars,
)

if TYPE_CHECKING:
    from progressive_buckets.market_bucket import MarketBucket
    from progressive_training import BucketInfo, Resources
    from progressive_training.market import Bars

log = structlog.get_logger("progressive_training")

LEAST_OUTCOMES = 100


def check_market(info: BucketInfo, resources: Resources) -> None:
    """Load and clean the configured bars, and check them for leaks and for a split that leaves enough to learn from.

    The report of the cleaning is logged; doubtful data is logged as a warning.

    :raise DataError: the bars cannot be used.
    """
    bars = configured_bars(info.settings, resources.cache_dir, resources.cache_bytes)
    log.info("bars read", **bars.report.as_json())
    for doubt in doubts(bars, time_ns()):
        log.warning(doubt)
    release_heap()  # the memory of reading and cleaning
    check_leaks(bars, feature_table, info.settings["ALLOW_LEAK"])
    try:
        split_for(bars, info)
    except DataError as error:
        raise DataError(f"{bars.report.source}: {error}") from error


def open_learner(bucket: MarketBucket, info: BucketInfo, resources: Resources) -> MarketLearner:
    """Load the configured bars, which `check_market` has checked, and build the bucket's learner on them."""
    prepare(info.settings)
    return learner_on(
        configured_bars(info.settings, resources.cache_dir, resources.cache_bytes), bucket, info, resources
    )


def learner_on(bars: Bars, bucket: MarketBucket, info: BucketInfo, resources: Resources) -> MarketLearner:
    """Build the bucket's learner on `bars` that have been checked.

    :raise DataError: too few bars, in all or between two gaps.
    """
    settings = info.settings
    split = split_for(bars, info)
    costs = Costs(side=settings["FEE"] + settings["SLIPPAGE"], capital=settings["CAPITAL_ALLOCATION"])
    market = open_market(bars, split, costs, resources.device)
    del bars  # from here on only the market is read
    release_heap()
    hyper = Hyper(discount=bucket.discount, width=bucket.width, members=bucket.members, reluctance=bucket.reluctance)
    return MarketLearner(info, resources, market, split, hyper, bucket.exploration)


def split_for(bars: Bars, info: BucketInfo) -> Split:
    """The parts of `bars`, purged by the bucket's longest horizon.

    :raise DataError: too few bars, in all or between two gaps.
    """
    settings, longest = info.settings, info.horizons[-1]
    split = split_bars(len(bars.close), longest, settings["VALIDATION_SHARE"], settings["TEST_SHARE"], info.name)
    segment = bars.segment[split.train]
    reached = int((segment[longest:] == segment[:-longest]).sum())
    if reached < LEAST_OUTCOMES:
        raise DataError(
            f"{info.name}: only {reached} training bars have {longest} bars behind them before a gap, at least "
            f"{LEAST_OUTCOMES} are needed. Give bars with fewer gaps, a larger FILL_MINUTES or a smaller HORIZON_RANGE."
        )
    return split
