"""The bucket Committee: its model is the vote of the buckets before it in the sequence."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from attrs import frozen

from progressive_training import Setting, get_logger
from progressive_training.market import MARKET_SETTINGS, StudiedBucket

if TYPE_CHECKING:
    from progressive_buckets.committee.committee_model import CommitteeModel
    from progressive_training import BucketInfo, Learner, Resources

log = get_logger()


@frozen(kw_only=True)
class CommitteeBucket(StudiedBucket):
    """Implements `progressive_training.Bucket`. `horizons` stand for those of its members, of which it takes the longest once they
    are there: it predicts nothing itself."""

    name: str
    horizons: tuple[int, ...] = (1,)
    trains: ClassVar[bool] = False
    settings: ClassVar[tuple[Setting[Any], ...]] = MARKET_SETTINGS

    def memory_needed(self, bucket: BucketInfo, resources: Resources) -> int:
        """Estimate the bytes of the market; what its members vote takes a part's bars alone."""
        from progressive_training.market import bytes_of_bucket_market

        return bytes_of_bucket_market(bucket)

    def check(self, bucket: BucketInfo, resources: Resources) -> None:
        """Look for members before anything is trained; the bars are checked by each of these.

        :raise ConfigError: fewer than two would vote.
        """
        from progressive_buckets.committee.membership import voters_before

        _, silent = voters_before(bucket)
        for line in silent:
            log.info(line, show=True)

    def open(self, bucket: BucketInfo, resources: Resources) -> Learner:
        """Load the models of the members, and the bars.

        :raise ConfigError: fewer than two vote. :raise DataError: the bars cannot be used.
        """
        from progressive_buckets.committee.committee_learner import open_committee

        return open_committee(bucket, resources)

    def load_model(self, path: str | Path) -> CommitteeModel:
        """Read a model of this bucket."""
        from progressive_buckets.committee.committee_model import load_committee

        return load_committee(path)


bucket = CommitteeBucket(name="Committee")
