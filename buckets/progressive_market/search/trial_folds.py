"""On which bars the trials of a search run: those of the configured split, or of a walk-forward, each without its test part."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from progressive_market.bars import configured_bars
from progressive_market.market_settings import PARTS, TEST_SHARE, VALIDATION_SHARE
from progressive_market.split import parts_begin, split_bars
from progressive_market.walk_forward.fold_plan import iso_each, plan_folds
from progressive_training import DataError, Fold

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from progressive_training import Folding, Settings


def plan_trials(settings: Settings, horizons: Mapping[str, Sequence[int]], folding: Folding | None) -> tuple[Fold, ...]:
    """The folds of trials; arguments and errors are those of `SearchesSettings.plan_trials`.

    Without a walk-forward it is one, with the bars in the same parts as in a run of these settings. Only the times of bars have
    a say in it.
    """
    if folding is not None:
        return plan_folds(settings, horizons, folding)
    moments = settings[PARTS] or _moments(settings, horizons)
    return (
        Fold(
            number=1,
            train_from=moments[0],
            validate_from=moments[1],
            test_from=moments[2],
            until=moments[3],
            settings={PARTS.key: list(moments)},
        ),
    )


def _moments(settings: Settings, horizons: Mapping[str, Sequence[int]]) -> list[str]:
    """When the parts of the configured shares begin, and the last of them ends."""
    bars, shares = configured_bars(settings), (settings[VALIDATION_SHARE], settings[TEST_SHARE])
    bucket = max(horizons, key=lambda name: horizons[name][-1])
    try:
        split_bars(len(bars), horizons[bucket][-1], *shares, bucket)
    except DataError as error:
        raise DataError(f"{bars.report.source}: {error}") from error
    begins = bars.time[list(parts_begin(len(bars), *shares))]
    return iso_each(np.append(begins, bars.time[-1] + bars.interval))
