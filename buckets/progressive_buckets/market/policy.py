"""Follow a policy whose choice depends on the position it holds, over any number of bars, without a loop over bars.

At bar t the agent in position p takes the action that maximises D[a](t) - cost(|a - p|). For each bar that is a map
from three positions to three positions. Maps compose, and composition is associative, so all positions come from a
parallel prefix scan (Hillis and Steele 1986): log2(T) lookups instead of T steps. A bar on which nothing may be
decided maps every position to flat, which also keeps the bars before a gap from those behind it.

Positions are counted 0 flat, 1 long, 2 short; a map m is the number m[0] + 3 m[1] + 9 m[2], so there are 27.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

FLAT, LONG, SHORT = 0, 1, 2
SIDE = (0.0, 1.0, -1.0)
"""The signed position of each of the three."""
STEPS = ((0, 1, 1), (1, 0, 2), (1, 2, 0))
"""How far apart two positions are."""
TO_FLAT = 0
"""The map that sends every position to flat."""
TIE = 1e-6
"""Advantage of staying, so that equal values never trade."""


def _digits() -> Tensor:
    number = torch.arange(27)
    return torch.stack([number % 3, number // 3 % 3, number // 9], dim=1)  # [27, 3]


def _compositions() -> Tensor:
    first, then = _digits()[:, None, :].expand(27, 27, 3), _digits()[None, :, :].expand(27, 27, 3)
    after = torch.gather(then, 2, first)  # then[first[p]]
    return (after * torch.tensor([1, 3, 9])).sum(dim=2).reshape(-1)


DIGITS = _digits()
COMPOSED = _compositions()
"""COMPOSED[27 * m + n] is the map `m, then n`."""


def cost_matrix(cost_of_steps: tuple[float, float, float], device: torch.device) -> Tensor:
    """Cost [from, to] of going from one position to another."""
    return torch.tensor([[cost_of_steps[s] for s in row] for row in STEPS], dtype=torch.float32, device=device)


def best_actions(advantage: Tensor, costs: Tensor) -> Tensor:
    """The action taken from each position.

    :param advantage: [..., 2], of long and of short over flat. :param costs: [3, 3] of `cost_matrix`.
    :return: [..., 3] int64, the new position by old position.
    """
    values = torch.cat([torch.zeros_like(advantage[..., :1]), advantage], dim=-1)  # [..., to]
    stay = TIE * torch.eye(3, device=advantage.device)
    return (values.unsqueeze(-2) - costs + stay).argmax(dim=-1)


def as_maps(actions: Tensor, decidable: Tensor) -> Tensor:
    """Number [..., T] of the map that `actions` [..., T, 3] describe; to flat where not `decidable` [..., T]."""
    weights = torch.tensor([1, 3, 9], device=actions.device)
    return torch.where(decidable, (actions * weights).sum(dim=-1), TO_FLAT)


def follow(maps: Tensor, start: int = FLAT) -> Tensor:
    """Positions [..., T] held after each bar when starting from position `start`, given the `maps` [..., T]."""
    composed, prefix = COMPOSED.to(maps.device), maps
    reach, length = 1, maps.shape[-1]
    while reach < length:
        joined = composed[27 * prefix[..., :-reach] + prefix[..., reach:]]
        prefix = torch.cat([prefix[..., :reach], joined], dim=-1)
        reach *= 2
    return DIGITS.to(maps.device)[prefix, start]


def positions_of(advantage: Tensor, decidable: Tensor, costs: Tensor) -> Tensor:
    """Signed positions [..., T] float64 of the policy over bars with `advantage` [..., T, 2], starting flat."""
    held = follow(as_maps(best_actions(advantage, costs), decidable))
    return torch.tensor(SIDE, dtype=torch.float64, device=held.device)[held]
