"""What a detector of regimes must pass before anything is trained: it is refused where it sees later bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from progressive_market.bars.bar_records import iso
from progressive_market.bars.leaks.causal import truncations
from progressive_market.features.feature_table import log_returns
from progressive_market.regimes.detector import OTHERWISE, WINDOWS, fit_regimes, fitted_parameters
from progressive_training import PluginError
from progressive_training.presentation import share_text

if TYPE_CHECKING:
    from progressive_market.bars import Bars
    from progressive_market.regimes.detector import Regimes, RegimesAsked

SAME = 1e-6
"""Difference of two probabilities that counts as none where windows begin elsewhere."""


def check_regimes(bars: Bars, training: slice, asked: RegimesAsked) -> Regimes:
    """Fit the detector twice, and compute its probabilities again on bars that end earlier. They must be the same to the bit.

    :param bars: all of them, with the columns of features. :param training: the bars that it is fitted on.
    :raise PluginError: as for `fit_regimes`, or it sees later bars, or a resumed run would fit another one.
    """
    regimes = fit_regimes(bars, training, asked)
    seen = bars.between(training.start, training.stop)
    if fitted_parameters(regimes.detector, regimes.owner, seen, asked.count) != regimes.model.parameters:
        raise PluginError(
            f"{regimes.owner}: fit(bars, count) gave other parameters for the same bars when called again, so that no run could be "
            f"resumed or repeated; draw by a fixed seed, or {OTHERWISE}"
        )
    for excerpt, stops in truncations(bars):
        whole = regimes.probabilities(excerpt)
        for stop in stops:
            part = regimes.probabilities(excerpt.between(0, stop))
            changed = (part != whole[:stop]).any(axis=1)
            if changed.any():
                row = int(changed.argmax())
                time, end = (iso(excerpt.time[bar : bar + 1])[0] for bar in (row, stop - 1))
                raise PluginError(
                    f"{regimes.owner} sees later bars: for the bar at {time} it gives {whole[row].tolist()} with the bars after {end}, "
                    f"and {part[row].tolist()} without; use only that bar and earlier ones, or {OTHERWISE}"
                )
    _check_history(regimes, seen)
    return regimes


def regimes_line(bars: Bars, training: slice, regimes: Regimes) -> str:
    """What the regimes are, in one line: the share of the `training` bars that each has, and the deviation of a bar's return there."""
    seen = bars.between(training.start, training.stop)
    number, returns = regimes.probabilities(seen).argmax(axis=1), log_returns(seen)
    described = []
    for regime in range(regimes.model.count):
        inside = number == regime
        deviation = f" (moves of {100 * returns[inside].std():.2f} % a bar)" if inside.any() else ""
        described.append(f"regime {regime + 1} on {share_text(inside.mean())}{deviation}")
    return f"regimes by {regimes.model.name}: {', '.join(described)} of the training bars"


def _check_history(regimes: Regimes, bars: Bars) -> None:
    """On windows of as many bars as it needs, the last row must be that of all bars, to the rounding of a card's arithmetic."""
    whole, history = regimes.probabilities(bars), regimes.model.history
    for end in np.linspace(history, len(bars), WINDOWS, dtype=int) if history < len(bars) else ():
        last = regimes.probabilities(bars.between(0, int(end)), last=1)[0]
        if np.abs(last - whole[end - 1]).max() > SAME:
            raise PluginError(
                f"{regimes.owner}: on the {history:,} bars that it needs it gives {last.tolist()} for the bar at "
                f"{iso(bars.time[end - 1 : end])[0]}, and {whole[end - 1].tolist()} on all before; let it look at fewer, or {OTHERWISE}"
            )
