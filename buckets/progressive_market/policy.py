"""From advantages to positions, over any number of bars, by a parallel prefix scan instead of a loop over bars.

At bar t an agent in position p takes the action a that maximises D[a](t) - cost(|a - p|). For each bar this is a map from
the three positions to the three positions. Composition of maps is associative, so a parallel prefix scan (Hillis and
Steele 1986) gives all positions, with log2(T) lookups instead of T steps. A bar that may not be decided on maps each
position to flat, and one that nobody saw in time maps each to itself.

On a processor the compiled passes, where they are installed, go from bar to bar instead: they write the same positions.

Positions are 0 flat, 1 long, 2 short. A map m is stored as the number m[0] + 3 m[1] + 9 m[2], of 27. Lookup tables are
made once and stay on the device: copying one there during an episode would make the host wait.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import torch

from progressive_market.passes import market_passes
from progressive_market.passes.market_passes import usable_for, usable_for_advantages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

FLAT = 0
LONG = 1
SHORT = 2
STEPS = ((0, 1, 1), (1, 0, 2), (1, 2, 0))
"""Steps between two positions [from][to]; long to short takes two."""
HOLD = 0 + 3 * LONG + 9 * SHORT
"""The map of each position to itself."""
ROWS_AT_ONCE = 8_192
"""Bars in one scan; its intermediate results fit a processor's cache."""


@cache
def digits(device: torch.device) -> Tensor:
    """New position by map and old position [27 * 3], on the device."""
    number = torch.arange(27, device=device)
    return torch.stack([number % 3, number // 3 % 3, number // 9], dim=1).flatten()


@cache
def compositions(device: torch.device) -> Tensor:
    """Number of the map "first m, then n", at 27 * n + m [27 * 27], on the device."""
    table = digits(device).view(27, 3)
    then, first = table[:, None, :].expand(27, 27, 3), table[None, :, :].expand(27, 27, 3)
    return as_maps(torch.gather(then, 2, first)).flatten()  # then[first[p]]


@cache
def idempotent(device: torch.device) -> Tensor:
    """Whether a map applied twice is the map itself [27] bool, on the device."""
    number = torch.arange(27, device=device)
    return compositions(device).take(28 * number) == number


@cache
def sides(device: torch.device) -> Tensor:
    """Signed position (0, 1, -1) by position [3] float64, on the device."""
    position = torch.arange(3, device=device)
    return (position == LONG).double() - (position == SHORT).double()


def cost_matrix(cost_of_steps: tuple[float, float, float], device: torch.device, allowed: str = "both") -> Tensor:
    """Cost of a change of position [from, to] [3, 3], from the costs of 0, 1 and 2 steps.

    :param allowed: the sides, "both" or "long"; no cost is worth paying for a side that is not.
    """
    costs = torch.tensor([[cost_of_steps[s] for s in row] for row in STEPS], dtype=torch.float32, device=device)
    if allowed == "long":
        costs[:, SHORT] = torch.inf
    return costs


def best_actions(advantage: Tensor, costs: Tensor) -> Tensor:
    """The best new position for each old position [..., 3] int64.

    :param advantage: [..., 2] of long and short over flat. :param costs: [3, 3] of `cost_matrix`, in the same unit.
        Of equal values the first wins: the position held, flat, long, short.
    """
    passes = usable_for_advantages(advantage, costs)
    if passes is not None:
        return market_passes.best_actions(passes, advantage, costs)
    return torch.stack(list(_best_actions(advantage, costs)), dim=-1).long()


def _best_actions(advantage: Tensor, costs: Tensor) -> Iterator[Tensor]:
    """The best new position [...] uint8, for each old one in turn."""
    long, short = advantage.unbind(dim=-1)
    for position, own in enumerate(costs.unbind()):
        yield best_from(position, long, short, own)


def best_from(position: int, long: Tensor, short: Tensor, costs: Tensor) -> Tensor:
    """The best new position [...] uint8 for one old `position`, as `best_actions` has it.

    :param long, short: [...] the advantages. :param costs: [3] of the changes from it.
    """
    # Comparisons in place of argmax, which is five times slower over three values.
    to_flat, to_long, to_short = costs
    flat, up, down = -to_flat, long - to_long, short - to_short
    entered = up >= flat if position == LONG else up > flat
    others = torch.maximum(up, flat)
    sold = down >= others if position == SHORT else down > others
    best: Tensor = entered.to(torch.uint8).masked_fill_(sold, SHORT)
    return best


def as_maps(actions: Tensor, decidable: Tensor | None = None, absent: Tensor | None = None) -> Tensor:
    """Maps [..., T], as numbers, of `actions` [..., T, 3] (see `best_actions`); each position stays on bars that were `absent`
    [..., T] (see `Part`), and becomes flat where not `decidable` [..., T]."""
    return _masked(actions[..., 0] + 3 * actions[..., 1] + 9 * actions[..., 2], decidable, absent)


def _masked(maps: Tensor, decidable: Tensor | None, absent: Tensor | None) -> Tensor:
    if absent is not None:
        maps = maps.masked_fill(absent, HOLD)
    return maps if decidable is None else maps * decidable  # the map to flat is 0


def may_count(device: torch.device) -> bool:
    """Whether the host may ask how many there are of something: it would wait for a GPU."""
    return device.type == "cpu"


def follow(maps: Tensor, start: Tensor | int = FLAT) -> Tensor:
    """Positions [..., T] after each bar, by applying the `maps` [..., T] in turn from position `start` [...]."""
    passes = usable_for((maps, start) if isinstance(start, torch.Tensor) else (maps,), torch.int64)
    after = None if passes is None else market_passes.follow(passes, maps, torch.as_tensor(start))
    if after is not None:
        return after
    if maps.dim() == 1 and may_count(maps.device):
        return _follow_changes(maps, start)
    return _scanned(maps.long(), start)


def _follow_changes(maps: Tensor, start: Tensor | int) -> Tensor:
    """As `follow`, of `maps` [T], with a scan of those alone that can change the position: most leave it as it is, or do again
    what the one before has done."""
    changes = maps != HOLD
    again = torch.nonzero(changes[1:] & (maps[1:] == maps[:-1])).flatten() + 1
    changes[again] = ~idempotent(maps.device).take(maps[again].long())
    after = _scanned(maps[changes].long(), start)
    at_first = after.new_full((1,), start) if isinstance(start, int) else start.reshape(1)
    return torch.cat([at_first, after]).take(torch.cumsum(changes, dim=0))


def _scanned(maps: Tensor, start: Tensor | int) -> Tensor:
    composed, prefix = compositions(maps.device), maps
    reach, length = 1, maps.shape[-1]
    while reach < length:
        joined = composed.take(torch.add(prefix[..., :-reach], prefix[..., reach:], alpha=27))
        prefix = torch.cat([prefix[..., :reach], joined], dim=-1)
        reach *= 2
    before = start.unsqueeze(-1) if isinstance(start, torch.Tensor) else start
    return digits(maps.device).take(3 * prefix + before)


def positions_of(
    advantage: Tensor, decidable: Tensor, costs: Tensor, absent: Tensor | None = None, start: int = FLAT
) -> Tensor:
    """Signed positions [..., T] float64 of the policy on bars with `advantage` [..., T, 2], from the position `start`. Of a `Part`
    give both `decidable` [..., T] and `absent` [..., T]."""
    passes = usable_for_advantages(advantage, costs, *((decidable,) if absent is None else (decidable, absent)))
    if passes is not None and advantage.numel():
        return market_passes.positions(passes, advantage, decidable, costs, absent, start)
    return _positions_by_scan(advantage, decidable, costs, absent, start)


def _positions_by_scan(
    advantage: Tensor, decidable: Tensor, costs: Tensor, absent: Tensor | None, start: int
) -> Tensor:
    out: list[Tensor] = []
    held: Tensor | int = start
    masks = decidable.split(ROWS_AT_ONCE, dim=-1)
    unseen = [None] * len(masks) if absent is None else absent.split(ROWS_AT_ONCE, dim=-1)
    for values, mask, missed in zip(advantage.split(ROWS_AT_ONCE, dim=-2), masks, unseen, strict=True):
        from_flat, from_long, from_short = _best_actions(values, costs)
        maps = _masked(from_flat.add_(from_long, alpha=3).add_(from_short, alpha=9), mask, missed)
        positions = follow(maps, held)
        held = positions[..., -1]
        out.append(sides(positions.device).take(positions))
    return torch.cat(out, dim=-1)
