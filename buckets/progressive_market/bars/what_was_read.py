"""What was read, in two lines for the terminal: the bars, and what of them is learned from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from progressive_market.bars.bar_records import counted, interval_text

if TYPE_CHECKING:
    from progressive_market.bars.bar_records import Bars

MOST_NAMED = 12
"""Columns in a list; of more the number is given."""
SECOND = 10**9  # nanoseconds


def bars_text(bars: Bars) -> str:
    """How many bars, of what length, and the opens of the first and the last."""
    first, last = (minute_text(int(time)) for time in bars.time[[0, -1]])
    return f"{len(bars):,} of {interval_text(bars.interval)} from {first} to {last} UTC"


def bars_line(bars: Bars) -> str:
    """The bars with their market, and in short what was amiss; `CleaningReport.troubles` has it in full."""
    report = bars.report
    merged = f"merged of bars of {interval_text(bars.source_interval)}" * (bars.source_interval != bars.interval)
    gaps = counted(report.gaps, "gap") * (report.gaps > 0)
    prints = f"{counted(report.bad_prints, 'bad print')} left out" * (report.bad_prints > 0)
    market = "a synthetic market" if bars.synthetic else report.market
    return ", ".join(filter(None, (f"bars: {bars_text(bars)}", merged, market, gaps, prints)))


def features_line(bars: Bars, names: Sequence[str]) -> str:
    """The features `names` that `bars` give, and the columns that were left out, with the reasons."""
    plain = [name for name in names if name not in bars.ratios]
    ratios = [name for name in names if name in bars.ratios]
    used = _listed(plain)
    if ratios:
        used += f", {_listed(ratios)} as {'a ratio' if len(ratios) == 1 else 'ratios'} to the close"
    left = [f"{name} ({why})" for name, why in bars.report.left_out]
    return f"features: {used}" + (f"; left out: {_listed(left)}" if left else "")


def minute_text(time: int) -> str:
    """A time in nanoseconds since 1970, to the minute unless finer."""
    unit = "m" if time % (60 * SECOND) == 0 else "s" if time % SECOND == 0 else "ms"
    return str(np.datetime64(time, "ns").astype(f"datetime64[{unit}]")).replace("T", " ")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED:,} more" * (len(names) > MOST_NAMED)
    return ", ".join(names[:MOST_NAMED]) + more
