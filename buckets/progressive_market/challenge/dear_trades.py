"""Attack `costs`: spread and fee rise while the strategy trades as before; and the cost at which nothing is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

if TYPE_CHECKING:
    from torch import Tensor

    from progressive_market.challenge.subject import Subject

FACTORS = (1.5, 2.0, 4.0)
THIN = 0.05
"""Of the deviation of one bar's return: the least cost of a side that factors are counted from, for a strategy that was trained
without costs."""
MOST = 0.2
"""Cost of a side up to which a break-even is looked for."""
HALVINGS = 30


def costs(subject: Subject) -> dict[str, Tensor]:
    """Growth [N] of the same positions at multiples of what the strategy pays, or where that is next to nothing at costs that are named."""
    usual, paid = usual_cost(subject), subject.market.costs.side
    names = {
        factor: f"costs x {factor:g}" if usual == paid else f"costs of {100 * usual * factor:.2g} % a side"
        for factor in FACTORS
    }
    return {name: _growth_at(subject, usual * factor) for factor, name in names.items()}


def usual_cost(subject: Subject) -> float:
    """Cost of a side, as a share of the value, that factors are counted from."""
    part = subject.part
    moves = part.returns[part.decidable]
    return max(subject.market.costs.side, THIN * float(moves.std()) if len(moves) > 1 else 0.0)


def break_even(subject: Subject) -> float | None:
    """Cost of a side, as a share of the value traded, at which the positions earn nothing, found by halving.

    None where they do not trade, or lose without any cost; `MOST` where they still earn there.
    """
    if not bool(subject.held.any()) or not float(_growth_at(subject, 0.0).sum()) > 0:
        return None
    low, high = 0.0, MOST
    if float(_growth_at(subject, high).sum()) > 0:
        return MOST
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if float(_growth_at(subject, middle).sum()) > 0 else (low, middle)
    return low


def _growth_at(subject: Subject, side: float) -> Tensor:
    return subject.grown(subject.held, costs=evolve(subject.market.costs, side=side))
