"""What a bucket must be able to do for its settings to be searched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from attrs import frozen

from progressive_core.contract.setting import Settings
from progressive_studies.walk_forward.folding import Fold, Folding


@frozen
class Halves:
    """What models earned on validation bars, as sums of log growth over blocks in the order of time: on those that chose them (every
    other stretch of validation), and on those that were `held_back` from every trial."""

    choosing: tuple[float, ...]
    held_back: tuple[float, ...]


@runtime_checkable
class SearchesSettings(Protocol):
    """A bucket whose settings can be searched. `WeightsBucket` and `MarketBucket` can be; another one may.

    Optional: `tunable()`, the settings that may vary where the user names none, each with its span as text, as in
    `{"LEARNING_RATE": "1e-4..1e-2:log", "DROPOUT": "0..0.5", "CHOOSE": "validation|fixed"}`.
    """

    def plan_trials(
        self, settings: Settings, horizons: Mapping[str, Sequence[int]], folding: Folding | None
    ) -> tuple[Fold, ...]:
        """On which bars each run of a trial trains and validates: one fold where `folding` is None, else those of a walk-forward.

        The settings of a fold keep the bars from its test part on out of the run's market. The test part of the last one is that of
        the choice.

        :param horizons: those of each bucket that is to be trained, in bars, by its name. :raise DataError: too few bars.
        """

    def halves(self, models: Sequence[Any], folds: Sequence[Fold], settings: Settings) -> Halves:
        """What the models of one trial, one for each fold, earn on both halves of their validation bars, all folds in a row.

        :param models: as `load_model` gives them. :param settings: those of the trial's runs, SEED included. :raise ModelError: one cannot be measured.
        """
