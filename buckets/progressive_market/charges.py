"""What holding a position costs on each bar beside trades: funding, and borrowing what is sold short."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import evolve

from progressive_market.bars.bar_records import iso
from progressive_training import DataError
from progressive_training.presentation import share_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from progressive_market.bars import Bars
    from progressive_market.fills import Costs

YEAR = 365.25 * 24 * 3600
"""Seconds."""
MOST = 0.1
"""Largest rate of one bar that is believed, as a share of the value: exchanges cap theirs far below."""
USUAL = 0.5
"""Share of the value a year: over whole years the funding of large markets lies below it."""


def without_funding(bars: Bars, funding: float | str) -> Bars:
    """`bars` without the column that FUNDING names: it is a cost, and no feature.

    :raise DataError: there is no such column, or one of its values is missing, or was before the bars were cleaned, or is beyond
        `MOST`, as where it is in per cent.
    """
    if not isinstance(funding, str):
        return bars
    if funding not in bars.extra:
        left = [f"; left out: {name} ({why})" for name, why in bars.report.left_out if name == funding]
        raise DataError(
            f"{bars.report.source}: FUNDING is {funding!r}, and there is no such column; there are "
            f"{', '.join(bars.extra) or 'none beside time, prices and volume'}{''.join(left)} (write 0 where nothing is paid; in "
            f"place of one that never changes give a rate a year)"
        )
    missing = np.isnan(bars.extra[funding])
    if missing.any():
        raise DataError(
            f"{bars.report.source}: the column {funding!r} of FUNDING has no value on {int(missing.sum())} bars, first at "
            f"{iso(bars.time[missing])[0]}: write 0 where nothing is paid"
        )
    beyond = np.abs(bars.extra[funding]) > MOST
    if beyond.any():
        raise DataError(
            f"{bars.report.source}: the column {funding!r} of FUNDING is {bars.extra[funding][beyond][0]:g} at "
            f"{iso(bars.time[beyond])[0]}, where at most {MOST:g} of the value can be paid on a bar: write shares, such as 0.0001 for "
            f"0.01 %"
        )
    if copied := bars.report.completed.get(funding):
        raise DataError(  # what is paid once would be paid again
            f"{bars.report.source}: the column {funding!r} of FUNDING has no value on {copied} bars, where the bars were absent "
            f"or it was empty: write 0 where nothing is paid, and call it funding_rate, which is 0 on absent bars"
        )
    return evolve(bars, extra={name: values for name, values in bars.extra.items() if name != funding})


def funding_doubt(bars: Bars, funding: float | str) -> list[str]:
    """A warning where the column of FUNDING takes more than `USUAL` a year: as one in per cent, or one that has the rate of
    eight hours on each of eight bars."""
    if not isinstance(funding, str):
        return []
    yearly = float(bars.extra[funding].sum()) / max(float(bars.time[-1] - bars.time[0]) / 1e9 / YEAR, 1 / 365.25)
    if abs(yearly) <= USUAL:
        return []
    return [
        f"the column {funding!r} of FUNDING takes {share_text(yearly)} of its value a year from a long position: every bar is charged its "
        f"rate, as a share; check that"
    ]


def charges_on(bars: Bars, costs: Costs) -> NDArray[Any] | None:
    """Share of its value that a long and a short position pay on each bar [T, 2]; None where neither ever pays anything.

    What is decided on bar t is held on bar t + 1, and pays the rate of that bar, or its share of a rate a year.
    """
    if costs.funding == 0 and costs.borrow == 0:
        return None
    years = np.diff(bars.time, append=bars.time[-1:]) / 1e9 / YEAR  # of each bar until the next one, over a gap too
    funding = bars.extra[costs.funding] if isinstance(costs.funding, str) else costs.funding * years
    on_bar = np.stack([funding, costs.borrow * years - funding], axis=1)
    charges = np.zeros_like(on_bar)
    charges[:-2] = on_bar[1:-1]
    return charges
