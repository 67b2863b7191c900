"""Folds in the order of time: each trains on the bars before it, is chosen by the fold before, and measured on bars of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from progressive_market.bars import configured_bars
from progressive_market.bars.bar_records import interval_text, iso
from progressive_market.market_settings import EVIDENCE, PARTS
from progressive_market.split import SMALLEST_PART, purge_of
from progressive_training import DataError, Fold

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from progressive_market.bars import Bars
    from progressive_training import Folding, Settings

BEFORE = 2
"""Blocks before the first test part, each as long as a fold: one to train on, one to choose by."""
FEWEST = 2
"""Folds of a walk-forward."""


def plan_folds(settings: Settings, horizons: Mapping[str, Sequence[int]], folding: Folding) -> tuple[Fold, ...]:
    """The folds of the configured bars; arguments and errors are those of `WalksForward.plan_folds`.

    Borders are opens of bars. Only the times of the bars have a say in them. The newest fold ends with the last bar.
    """
    if settings[PARTS] is not None:
        raise DataError("PARTS is set, and a walk-forward sets it for each fold: leave it out")
    if trials := [name for name in horizons if settings.for_bucket(name)[EVIDENCE] == "half"]:
        raise DataError(
            f'EVIDENCE is "half" for {", ".join(trials)}: trials get no verdict, and a walk-forward pools verdicts'
        )
    return folds_of(configured_bars(settings), horizons, folding)


def folds_of(bars: Bars, horizons: Mapping[str, Sequence[int]], folding: Folding) -> tuple[Fold, ...]:
    """The folds of `bars`; see `plan_folds`."""
    borders = _borders(bars, folding)
    window = None if folding.window is None else round(folding.window * 1e9)
    rows = np.searchsorted(bars.time, borders)
    first = rows[:1] if window is None else np.searchsorted(bars.time, borders[1:-2] - window).clip(min=rows[0])
    bucket = max(horizons, key=lambda name: horizons[name][-1])
    longest = horizons[bucket][-1]
    purge, needed = purge_of(longest), max(2 * longest, SMALLEST_PART)
    held = int(min((rows[1:-2] - first).min(), np.diff(rows).min())) - purge
    if held < needed:
        raise DataError(
            f"{bars.report.source}: {len(bars):,} bars in {len(borders) - 1 - BEFORE} folds leave parts of {max(held, 0):,} bars beside "
            f"the {purge:,} that keep them apart; for the longest horizon of {bucket}, {longest} bars, at least {needed:,} are needed. "
            f"Ask for fewer or longer folds, a longer window, or leave the longest horizons out with HORIZON_RANGE."
        )
    opens = [*iso_each(bars.time[rows[:-1]]), iso_each(borders[-1:])[0]]
    folds = []
    for number in range(1, len(borders) - BEFORE):
        start = int(first[0] if window is None else first[number - 1])
        moments = (iso(bars.time[start : start + 1])[0], *opens[number : number + 3])
        folds.append(
            Fold(
                number=number,
                train_from=moments[0],
                validate_from=moments[1],
                test_from=moments[2],
                until=moments[3],
                settings={PARTS.key: list(moments)},
            )
        )
    return tuple(folds)


def iso_each(times: np.ndarray) -> list[str]:
    """Each of `times` as ISO text."""
    return [iso(times[place : place + 1])[0] for place in range(len(times))]


def _borders(bars: Bars, folding: Folding) -> np.ndarray:
    """Where blocks begin and the last one ends, in nanoseconds: `BEFORE` of them, then one for each fold."""
    end = int(bars.time[-1]) + bars.interval
    if folding.every is None:
        blocks = (folding.folds or FEWEST) + BEFORE
        if len(bars) < blocks:
            raise DataError(f"{bars.report.source}: {len(bars):,} bars cannot be parted into {blocks - BEFORE} folds")
        rows = np.arange(blocks) * len(bars) // blocks
        return np.append(bars.time[rows], end)
    every = round(folding.every * 1e9)
    blocks = (end - int(bars.time[0])) // every
    if blocks < FEWEST + BEFORE:
        raise DataError(
            f"{bars.report.source}: its bars are {bars.span}, less than the {FEWEST + BEFORE} stretches of {interval_text(every)} that "
            f"{FEWEST} folds take, one of them to train on and one to choose by; ask for shorter folds"
        )
    borders = end - every * np.arange(blocks, -1, -1)
    borders[0] = bars.time[0]  # what is left over is trained on
    return np.append(bars.time[np.searchsorted(bars.time, borders[:-1])], end)
