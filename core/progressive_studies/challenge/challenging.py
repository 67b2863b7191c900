"""What is asked of a challenge, and what a bucket must be able to do for its models to be challenged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol, runtime_checkable

from attrs import field, frozen

from progressive_core.contract.records import BucketInfo


def _nothing(_bucket: str, _attack: str) -> None:
    """Shows no progress."""


@frozen(kw_only=True)
class Challenge:
    """What is asked: attacks on the bars of which `part`, "validation" or "test"; on the model of one `bucket` alone, None for each (the
    others are its peers all the same); without the attacks that a "no:NAME" in `choices` leaves out. `progress` is called with the
    bucket and the name of the attack that begins."""

    part: Literal["validation", "test"] = "validation"
    bucket: str | None = None
    choices: tuple[str, ...] = ()
    progress: Callable[[str, str], None] = field(default=_nothing, repr=False)


@runtime_checkable
class ChallengesModels(Protocol):
    """A bucket whose models can be attacked. `WeightsBucket` and `MarketBucket` can be; another one may."""

    def challenge(
        self, models: Mapping[str, Any], infos: Mapping[str, BucketInfo], asked: Challenge
    ) -> list[dict[str, Any]]:
        """What breaks each of the models, as JSON values (see the reference of `challenge.json`).

        :param models: those of finished buckets of one run, as `load_model` gives them, by bucket; they are each other's peers.
        :param infos: the buckets as they were trained.
        :raise DataError: the bars are not those of the run any more. :raise ModelError: a model does not fit.
        """
