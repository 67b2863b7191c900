"""What was read, in two lines for the terminal: the bars, and what of them is learned from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from progressive_market.bars.bar_records import counted, interval_text

if TYPE_CHECKING:
    from progressive_market.bars.bar_records import Bars

MOST_NAMED = 12
"""Columns in a list; of more the number is given."""


def bars_line(bars: Bars) -> str:
    """The bars with their market, and in short what was amiss; `CleaningReport.troubles` has it in full."""
    report = bars.report
    merged = f"merged of bars of {interval_text(bars.source_interval)}" * (bars.source_interval != bars.interval)
    gaps = counted(report.gaps, "gap") * (report.gaps > 0)
    prints = f"{counted(report.bad_prints, 'bad print')} left out" * (report.bad_prints > 0)
    market = "a synthetic market" if bars.synthetic else report.market
    return ", ".join(filter(None, (f"bars: {len(bars):,} {bars.span}", merged, market, gaps, prints)))


def features_line(bars: Bars, names: Sequence[str]) -> str:
    """The features `names` that `bars` give, and the columns that were left out, with the reasons."""
    plain = [name for name in names if name not in bars.ratios]
    ratios = [name for name in names if name in bars.ratios]
    used = _listed(plain)
    if ratios:
        used += f", {_listed(ratios)} as {'a ratio' if len(ratios) == 1 else 'ratios'} to the close"
    left = [f"{name} ({why})" for name, why in bars.report.left_out]
    return f"features: {used}" + (f"; left out: {_listed(left)}" if left else "")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED:,} more" * (len(names) > MOST_NAMED)
    return ", ".join(names[:MOST_NAMED]) + more
