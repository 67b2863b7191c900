"""The attacks that are installed, of whatever distribution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from attrs import frozen

from progressive_market.challenge.dear_trades import costs
from progressive_market.challenge.feeds import feeds
from progressive_market.challenge.late_fills import late
from progressive_market.challenge.other_paths import bootstrap, digits, reversed_drift, shock
from progressive_market.challenge.outages import outages
from progressive_market.challenge.subject import Subject


@frozen
class Attacker:
    """An attack: its `name`, whose it is, and the `function` of a subject."""

    name: str
    owner: str
    function: Callable[[Subject], Any]


def attackers(choices: Sequence[str]) -> list[Attacker]:
    """All but those that a "no:NAME" in `choices` leaves out."""
    own = {
        "late_fills": late,
        "rising_costs": costs,
        "feeds": feeds,
        "outages": outages,
        "bootstrap": bootstrap,
        "volatility_shock": shock,
        "reversed_drift": reversed_drift,
        "last_digits": digits,
    }
    return [
        Attacker(name, f"attack {name!r}", function) for name, function in own.items() if f"no:{name}" not in choices
    ]
