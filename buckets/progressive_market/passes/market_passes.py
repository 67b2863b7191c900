"""The compiled passes of `market_passes.c`: declared, and called with torch's tensors."""

from __future__ import annotations

from ctypes import CDLL, POINTER, Structure, byref, c_double, c_int, c_long, c_void_p
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from progressive_training import compiled_library

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

Strides = c_long * 7


class Terms(Structure):
    """`terms` of the C file."""

    _fields_ = tuple((name, c_double) for name in ("side", "capital", "ruin", "nothing"))


@cache
def library() -> CDLL | None:
    """The passes for this processor; None where the package was installed without."""
    long, address = c_long, c_void_p
    functions = {
        "best_actions": (address, long, long, long, address, address),
        "positions": (address, address, address, long, long, address, address, long, address),
        "follow_maps": (address, long, long, address, address, address),
        "account": (*(address,) * 4, long, long, POINTER(Terms), *(address,) * 4),
    }
    return compiled_library(Path(__file__).with_suffix(".c"), functions)


def usable_for(numbers: Sequence[Tensor], dtype: torch.dtype, masks: Sequence[Tensor] = ()) -> CDLL | None:
    """The passes, where they can read all `numbers`, of that type, and the `masks`, of truth values; else None."""
    read = [(each, dtype) for each in numbers] + [(each, torch.bool) for each in masks]
    plain = all(type(each) is torch.Tensor and each.device.type == "cpu" and each.dtype == kind for each, kind in read)
    return library() if plain else None


def usable_for_advantages(advantage: Tensor, costs: Tensor, *masks: Tensor) -> CDLL | None:
    """The passes, where they can read an `advantage` [..., T, 2], `costs` [3, 3] and `masks` [..., T]; else None."""
    fit = (
        advantage.shape[-1] == 2 and costs.shape == (3, 3) and all(each.shape == advantage.shape[:-1] for each in masks)
    )
    return usable_for((advantage, costs), torch.float32, masks) if fit else None


def usable_for_account(positions: Tensor, returns: Tensor, decidable: Tensor, charges: Tensor | None) -> CDLL | None:
    """The passes, where they can read `positions` [..., T], `returns` and `decidable` [T], and `charges` [T, 2]; else None. They give
    no gradient."""
    numbers = (positions, returns) if charges is None else (positions, returns, charges)
    if any(each.requires_grad for each in numbers):
        return None
    fit = bool(len(returns)) and decidable.shape == returns.shape == positions.shape[-1:]
    fit &= charges is None or charges.shape == (*returns.shape, 2)
    return usable_for(numbers, torch.float64, (decidable,)) if fit else None


def best_actions(passes: CDLL, advantage: Tensor, costs: Tensor) -> Tensor:
    """As `policy.best_actions`, of float32."""
    values, changes = advantage.reshape(-1, 2), costs.contiguous()
    best = torch.empty(*advantage.shape[:-1], 3, dtype=torch.int64)
    passes.best_actions(values.data_ptr(), len(values), *values.stride(), changes.data_ptr(), best.data_ptr())
    return best


def positions(
    passes: CDLL, advantage: Tensor, decidable: Tensor, costs: Tensor, absent: Tensor | None, start: int
) -> Tensor:
    """As `policy.positions_of`, of float32 and masks [..., T]."""
    *shape, bars, _ = advantage.shape
    values, decides, changes = advantage.reshape(-1, bars, 2), decidable.reshape(-1, bars), costs.contiguous()
    misses = decides if absent is None else absent.reshape(-1, bars)
    held = torch.empty(*shape, bars, dtype=torch.float64)
    passes.positions(
        values.data_ptr(),
        decides.data_ptr(),
        None if absent is None else misses.data_ptr(),
        len(values),
        bars,
        Strides(*values.stride(), *decides.stride(), *misses.stride()),
        changes.data_ptr(),
        start,
        held.data_ptr(),
    )
    return held


def follow(passes: CDLL, maps: Tensor, start: Tensor) -> Tensor | None:
    """As `policy.follow`, from the positions `start` [...]; None where something is no map or no position."""
    *shape, bars = maps.shape
    numbers, begun, valid = maps.long().contiguous(), start.long().expand(shape).contiguous(), c_int(1)
    after = torch.empty_like(numbers)
    passes.follow_maps(numbers.data_ptr(), begun.numel(), bars, begun.data_ptr(), after.data_ptr(), byref(valid))
    return after if valid.value else None


def account(
    passes: CDLL, positions: Tensor, returns: Tensor, decidable: Tensor, charges: Tensor | None, terms: Terms
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """As `fills.account`, of `positions` [..., T] in float64: the factors of the equity, whose logarithm is the growth, then the
    fields `held`, `left` and `ruined` of an account."""
    wanted, gained, decides = positions.contiguous(), returns.contiguous(), decidable.contiguous()
    paid = None if charges is None else charges.contiguous()
    factor, held, left = (torch.empty_like(wanted) for _ in range(3))
    ruined = torch.zeros((), dtype=torch.int64)
    passes.account(
        wanted.data_ptr(),
        gained.data_ptr(),
        decides.data_ptr(),
        None if paid is None else paid.data_ptr(),
        wanted.numel() // len(gained),
        len(gained),
        byref(terms),
        *(each.data_ptr() for each in (factor, held, left, ruined)),
    )
    return factor, held, left, ruined
