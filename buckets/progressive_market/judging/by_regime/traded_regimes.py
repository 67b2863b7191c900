"""Where a model trades, in words: "everywhere", "nowhere", "in regime 2", "in regimes 1 and 3"."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from progressive_market.judging.verdict import EVERYWHERE, NOWHERE

if TYPE_CHECKING:
    from collections.abc import Collection

NUMBER = re.compile(r"[1-9][0-9]{0,3}", re.ASCII)


def regime_name(regime: int) -> str:
    """What people call the regime of this number, which counts from 0."""
    return f"regime {regime + 1}"


def in_regimes(traded: Collection[int]) -> str:
    """Where a model trades that does so in the regimes of these numbers, at least one."""
    *first, last = [str(regime + 1) for regime in sorted(traded)]
    return f"in regimes {', '.join(first)} and {last}" if first else f"in regime {last}"


def is_place(trades: str, count: int) -> bool:
    """Whether a model on a market of so many regimes may trade there."""
    try:
        return all(regime < count for regime in regimes_in(trades))
    except ValueError:
        return False


def regimes_in(trades: str) -> tuple[int, ...]:
    """The numbers of the regimes in which a model trades, ascending; none where it trades everywhere or nowhere.

    :raise ValueError: it is no such place, or not written as `in_regimes` writes it.
    """
    if trades in (EVERYWHERE, NOWHERE):
        return ()
    found = tuple(int(number) - 1 for number in NUMBER.findall(trades))
    if not found or in_regimes(set(found)) != trades:
        raise ValueError(f"{trades!r:.60} is no place to trade in")
    return found
