"""Follow a policy whose choice depends on the position it holds, over any number of bars, without a loop over bars.

At bar t the agent in position p takes the action that maximises D[a](t) - cost(|a - p|). For each bar that is a map
from three positions to three positions. Maps compose, and composition is associative, so all positions come from a
parallel prefix scan (Hillis and Steele 1986): log2(T) lookups instead of T steps. A bar on which nothing may be
decided maps every position to flat, which also keeps the bars before a gap from those behind it.

Positions are counted 0 flat, 1 long, 2 short; a map m is the number m[0] + 3 m[1] + 9 m[2], so there are 27. Constants
live on the device, made once: to bring one there in the middle of an episode would make the host wait.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

FLAT, LONG, SHORT = 0, 1, 2
STEPS = ((0, 1, 1), (1, 0, 2), (1, 2, 0))
"""How far apart two positions are."""
TIE = 1e-6
"""Advantage of staying, so that equal values never trade."""


ROWS_AT_ONCE = 8_192
"""Bars followed at once: what a scan over them writes stays in a processor's cache."""


@cache
def digits(device: torch.device) -> Tensor:
    """The new position by map and old position [27 * 3], on the device."""
    number = torch.arange(27, device=device)
    return torch.stack([number % 3, number // 3 % 3, number // 9], dim=1).flatten()


@cache
def compositions(device: torch.device) -> Tensor:
    """Number of the map `m, then n` at 27 * n + m [27 * 27]."""
    table = digits(device).view(27, 3)
    then, first = table[:, None, :].expand(27, 27, 3), table[None, :, :].expand(27, 27, 3)
    return as_maps(torch.gather(then, 2, first)).flatten()  # then[first[p]]


@cache
def sides(device: torch.device) -> Tensor:
    """Signed position of each of the three [3] float64, on the device."""
    position = torch.arange(3, device=device)
    return (position == LONG).double() - (position == SHORT).double()


def cost_matrix(cost_of_steps: tuple[float, float, float], device: torch.device) -> Tensor:
    """Cost [from, to] of going from one position to another."""
    return torch.tensor([[cost_of_steps[s] for s in row] for row in STEPS], dtype=torch.float32, device=device)


def best_actions(advantage: Tensor, costs: Tensor) -> Tensor:
    """The action taken from each position.

    :param advantage: [..., 2], of long and of short over flat. :param costs: [3, 3] of `cost_matrix`.
    :return: [..., 3] int64, the new position by old position; of equal values the first, flat before long.
    """
    long, short = advantage.unbind(dim=-1)
    chosen = []
    for position, (to_flat, to_long, to_short) in enumerate(costs.unbind()):
        # Compared one by one: argmax over three values is five times slower.
        flat = TIE * (position == FLAT) - to_flat
        up = long - to_long + TIE * (position == LONG)
        down = short - to_short + TIE * (position == SHORT)
        entered = (up > flat).to(torch.int64)
        chosen.append(torch.where(down > torch.maximum(up, flat), SHORT, entered))
    return torch.stack(chosen, dim=-1)


def as_maps(actions: Tensor, decidable: Tensor | None = None) -> Tensor:
    """Number [..., T] of the map that `actions` [..., T, 3] describe; to flat where not `decidable` [..., T]."""
    maps = actions[..., 0] + 3 * actions[..., 1] + 9 * actions[..., 2]
    return maps if decidable is None else maps * decidable  # to flat is 0


def follow(maps: Tensor, start: Tensor | int = FLAT) -> Tensor:
    """Positions [..., T] held after each bar when starting from position `start` [...], given the `maps` [..., T]."""
    composed, prefix = compositions(maps.device), maps
    reach, length = 1, maps.shape[-1]
    while reach < length:
        joined = composed.take(torch.add(prefix[..., :-reach], prefix[..., reach:], alpha=27))
        prefix = torch.cat([prefix[..., :reach], joined], dim=-1)
        reach *= 2
    before = start.unsqueeze(-1) if isinstance(start, torch.Tensor) else start
    return digits(maps.device).take(3 * prefix + before)


def positions_of(advantage: Tensor, decidable: Tensor, costs: Tensor) -> Tensor:
    """Signed positions [..., T] float64 of the policy over bars with `advantage` [..., T, 2], starting flat."""
    out: list[Tensor] = []
    held: Tensor | int = FLAT
    for values, mask in zip(advantage.split(ROWS_AT_ONCE, dim=-2), decidable.split(ROWS_AT_ONCE, dim=-1), strict=True):
        positions = follow(as_maps(best_actions(values, costs), mask), held)
        held = positions[..., -1]
        out.append(sides(positions.device).take(positions))
    return torch.cat(out, dim=-1)
