"""What studies ask of a bucket, alike for all on the market: the folds of a walk-forward, and what breaks its models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from progressive_training import BucketInfo, Challenge, Fold, Folding, Settings


class StudiedBucket:
    """Implements `progressive_training.WalksForward` and `ChallengesModels` for a bucket whose models are `ServedModel`s."""

    __slots__ = ()

    def plan_folds(
        self, settings: Settings, horizons: Mapping[str, Sequence[int]], folding: Folding
    ) -> tuple[Fold, ...]:
        """The folds of a walk-forward, see `WalksForward`."""
        from progressive_market.walk_forward.fold_plan import plan_folds

        return plan_folds(settings, horizons, folding)

    def join_folds(
        self, walks: Mapping[str, Sequence[Any]], folds: Sequence[Fold], settings: Settings
    ) -> dict[str, Any]:
        """The test parts of all folds as one result, see `WalksForward`."""
        from progressive_market.walk_forward.walk_document import join_folds

        return join_folds(walks, folds, settings)

    def challenge(
        self, models: Mapping[str, Any], infos: Mapping[str, BucketInfo], asked: Challenge
    ) -> list[dict[str, Any]]:
        """What breaks the models of a run, see `ChallengesModels`."""
        from progressive_market.challenge.challenged_models import challenge_models

        return challenge_models(models, infos, asked)
