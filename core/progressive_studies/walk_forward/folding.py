"""How time is cut into folds, and what a bucket must be able to do to be walked forward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from attrs import field, frozen

from progressive_core.contract.setting import Settings


@frozen(kw_only=True)
class Folding:
    """How folds are asked for: so many `folds`, or one `every` so many seconds. `window`: seconds of bars that each trains on before
    its validation part; None for all of them."""

    folds: int | None = None
    every: float | None = None
    window: float | None = None


@frozen(kw_only=True)
class Fold:
    """One fold, counted from 1: when its training, validation and test part begin, and when its test part ends (ISO, UTC).

    `settings` are those that make a run train, validate and test at these times.
    """

    number: int
    train_from: str
    validate_from: str
    test_from: str
    until: str
    settings: Mapping[str, Any] = field(factory=dict, repr=False)


@runtime_checkable
class WalksForward(Protocol):
    """A bucket that can be walked forward. `WeightsBucket` and `MarketBucket` can; another one may."""

    def plan_folds(
        self, settings: Settings, horizons: Mapping[str, Sequence[int]], folding: Folding
    ) -> tuple[Fold, ...]:
        """The folds in the order of time: each test part begins where the one before it ends, and is the next one's validation part.

        :param horizons: those of each bucket that is to be trained, in bars, by its name.
        :raise DataError: too few bars for so many folds.
        """

    def join_folds(
        self, walks: Mapping[str, Sequence[Any]], folds: Sequence[Fold], settings: Settings
    ) -> dict[str, Any]:
        """The test parts of all folds as one result, positions followed from one to the next, as JSON values (see the reference of
        `walk_forward.json`).

        :param walks: the models of each bucket, one for each fold, as `load_model` gives them, by the bucket's name.
        """
