"""Attack `late_fills`: orders fill one and two bars later than the strategy was trained for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from progressive_market.challenge.subject import Subject

ONE_BAR, TWO_BARS = "fill 1 bar late", "fill 2 bars late"


def late(subject: Subject) -> dict[str, Tensor]:
    """Growth [N] where each position is taken one and two bars after it was decided on."""
    grown = {}
    for bars, name in ((1, ONE_BAR), (2, TWO_BARS)):
        held = subject.held.roll(bars)
        held[:bars] = 0
        grown[name] = subject.grown(held)
    return grown
