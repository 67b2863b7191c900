"""An excerpt of a part, evenly spread, so that scoring an episode does not cost more where there are more bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from progressive_market.market import Part

if TYPE_CHECKING:
    from torch import Tensor

LIMIT = 10_240
"""Bars of an excerpt, at most. Measured at the default settings, from 10 thousand to 4 million bars: with 10,240 an
episode takes 8 to 15 % longer, with 16,384 it takes 21 to 23 % longer."""
STRETCHES = 16
"""Stretches of a part, each of which gives one block of an excerpt; so long that few trades lie in two of them."""


def stretch_of(bars: Tensor, count: int) -> Tensor:
    """Number of the stretch in which `bars` (counted from the part's first) of a part of `count` bars lie."""
    return bars * STRETCHES // count


def in_first_half(bars: Tensor, count: int) -> Tensor:
    """Whether `bars` of a part of `count` lie in its first half: every other stretch, so that both see all times."""
    return stretch_of(bars, count) % 2 == 0


def excerpt(part: Part, limit: int = LIMIT) -> tuple[Part, Tensor]:
    """The whole part if it has at most `limit` bars, else a copy of the middle of each of its stretches.

    Each block ends flat, as a part does, so that no position is held over the bars left out.

    :return: the excerpt, and the positions of its bars in the part [N].
    """
    count = len(part)
    if count <= limit:
        return part, torch.arange(count, device=part.returns.device)
    length = limit // STRETCHES
    first = (torch.arange(STRETCHES, device=part.returns.device) * count + STRETCHES - 1) // STRETCHES
    first += (count // STRETCHES - length) // 2
    rows = (first[:, None] + torch.arange(length, device=first.device)).flatten()
    taken = part.taken(rows)
    taken.decidable[length - 1 :: length] = False
    return taken, rows


def half_of(part: Part, held_back: bool = False) -> Part:
    """Every other stretch of a part, the first among them; or those that are then held back. Each ends flat, as a part does, and what
    the market did on its last bar, which nobody can earn any more, is 0: it is that of the next stretch."""
    bars = torch.arange(len(part), device=part.returns.device)
    rows = bars[in_first_half(bars, len(part)) != held_back]
    taken = part.taken(rows)
    ends = torch.nonzero(rows.diff() > 1).flatten()
    taken.decidable[ends] = False
    for moved in (taken.returns, taken.charges):
        if moved is not None:
            moved[ends] = 0
    return taken
