"""What studies ask of a bucket, alike for all on the market: folds of a walk-forward, what breaks its models, trials of a search."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from progressive_training import BucketInfo, Challenge, Fold, Folding, Halves, Settings


class StudiedBucket:
    """Implements `progressive_training.WalksForward`, `ChallengesModels` and `SearchesSettings` for a bucket whose models are `ServedModel`s."""

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

    def plan_trials(
        self, settings: Settings, horizons: Mapping[str, Sequence[int]], folding: Folding | None
    ) -> tuple[Fold, ...]:
        """On which bars each run of a trial trains and validates, see `SearchesSettings`."""
        from progressive_market.search.trial_folds import plan_trials

        return plan_trials(settings, horizons, folding)

    def halves(self, models: Sequence[Any], folds: Sequence[Fold], settings: Settings) -> Halves:
        """What the models of one trial earn on both halves of their validation bars, see `SearchesSettings`."""
        from progressive_market.search.both_halves import halves

        return halves(models, folds, settings)
