"""Attack `outages`: for stretches of bars the model sees nothing, and what it holds stays as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

if TYPE_CHECKING:
    from torch import Tensor

    from progressive_market.challenge.subject import Subject

SHARES = {"10 % of the bars unseen": 0.1, "30 % of the bars unseen": 0.3}
STRETCH = 24
"""Bars of one outage."""


def outages(subject: Subject) -> dict[str, Tensor]:
    """Growth [N] with outages at random times over a tenth and three tenths of the bars."""
    part, count = subject.part, len(subject.part)
    starts = subject.random().random(-(-count // STRETCH))
    grown = {}
    for name, share in SHARES.items():
        unseen = part.decidable.new_tensor((starts < share).repeat(STRETCH)[:count])
        grown[name] = subject.on(evolve(part, absent=unseen if part.absent is None else unseen | part.absent))
    return grown
