"""A bucket: one time scale to trade on. Declare one in a few lines; data, learner and market are shared by all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from attrs import field, frozen

from progressive_buckets.learner_settings import LEARNER_SETTINGS, REPLAY_CAPACITY
from progressive_training import Setting
from progressive_training.market import MARKET_SETTINGS, REGIME_COUNT, REGIMES, StudiedBucket

if TYPE_CHECKING:
    from collections.abc import Iterable

    from attrs import Attribute

    from progressive_buckets.model import TradingModel
    from progressive_training import BucketInfo, Learner, Model, Resources


def _tuple(horizons: Iterable[int]) -> tuple[int, ...]:
    return tuple(horizons)


def _ascending(bucket: MarketBucket, attribute: Attribute[tuple[int, ...]], value: tuple[int, ...]) -> None:
    if not value or list(value) != sorted(set(value)) or value[0] < 1:
        raise ValueError(f"{bucket.name}: horizons must be ascending numbers of bars, at least 1, got {value}")


@frozen(kw_only=True)
class MarketBucket(StudiedBucket):
    """A bucket on the shared market and learner.

    `horizons`: bars ahead that are predicted, ascending. `exploration`: share of random actions at first. `reluctance`: by
    what share a trade costs more in training than on the market; more makes the agent wait for larger moves. `discount`:
    of a gain one bar later. `width`, `members`: size of a hidden layer, and number of networks that vote. Where the
    setting of that name is not null, it holds instead (horizons aside).
    """

    name: str
    horizons: tuple[int, ...] = field(converter=_tuple, validator=_ascending)
    exploration: float = 0.1
    reluctance: float = 0.0
    discount: float = 0.99
    width: int = 128
    members: int = 1
    settings: ClassVar[tuple[Setting[Any], ...]] = (*MARKET_SETTINGS, *LEARNER_SETTINGS)

    def memory_needed(self, bucket: BucketInfo, resources: Resources) -> int:
        """Estimate the bytes that training will hold: the market, the replay, the networks and one batch."""
        from progressive_training.market import bytes_of_bucket_market

        settings = bucket.settings
        market = bytes_of_bucket_market(bucket)  # first: what loads by the public face loads without collecting garbage
        from progressive_buckets.learner.critic import bytes_of_training
        from progressive_buckets.learner.opening import hyper_for

        hyper = hyper_for(self, settings)
        training = bytes_of_training(resources.batch_size, hyper.width, hyper.members, settings[REPLAY_CAPACITY])
        if settings[REGIMES] is None:
            return market + training
        return (1 + settings[REGIME_COUNT]) * market + 2 * training  # specialists see each feature once for each regime

    def check(self, bucket: BucketInfo, resources: Resources) -> None:
        """Look for leaks, and for too few bars, before anything is trained."""
        from progressive_training.market import check_bucket_market

        check_bucket_market(bucket, resources)

    def open(self, bucket: BucketInfo, resources: Resources) -> Learner:
        """Load the bars, split them, and build the learner."""
        from progressive_buckets.learner.opening import open_learner

        return open_learner(self, bucket, resources)

    def load_model(self, path: str | Path) -> TradingModel:
        """Read a model of this bucket."""
        from progressive_buckets.model import load_trading_model

        return load_trading_model(path)

    def tunable(self) -> dict[str, str]:
        """What a search varies where the user names nothing: what regularises, since that mattered most, and what is learned."""
        return {
            "LEARNING_RATE": "1e-4..1e-2:log",
            "DROPOUT": "0..0.6",
            "WEIGHT_DECAY": "0.1..10:log",
            "AUXILIARY_WEIGHT": "0..0.3",
            "REWARD": "plain|volatility",
        }

    def voter(self, model: Model, where: str) -> TradingModel:
        """A `model` of this bucket as a member of a committee; `where` is what holds it, for messages."""
        from progressive_buckets.model import trading_model

        return trading_model(model.tensors, model.card, Path(where))
