"""The compiled passes of `learning_passes.c`: declared, and called with torch's tensors."""

from __future__ import annotations

from ctypes import CDLL, Structure, byref, c_double, c_float, c_long, c_void_p
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from progressive_training import compiled_library

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

TRADE = {
    "entered": torch.bool,
    "exit": torch.int64,
    **dict.fromkeys(("net", "expected", "favourable", "adverse"), torch.float64),
    "cause": torch.int64,
}
"""What the pass writes of a trade, with its type."""


class Trades(Structure):
    """`trades` of the C file."""

    _fields_ = tuple((name, c_void_p) for name in TRADE)


@cache
def library() -> CDLL | None:
    """The passes for this processor; None where the package was installed without."""
    long, real, address = c_long, c_float, c_void_p
    functions = {
        "lambda_returns": (*(address,) * 6, long, long, real, real, address),
        "completed_trades": (*(address,) * 5, long, long, c_double, address, address, address),
    }
    return compiled_library(Path(__file__).with_name("learning_passes.c"), functions)


def usable_for_targets(rewards: Tensor, advantages: Tensor, decidable: Tensor, costs: Tensor) -> CDLL | None:
    """The passes, where it can read what `targets.sweep` is given; else None."""
    floats = (rewards, advantages, costs)
    plain = _plain((*floats, decidable), (torch.float32, torch.float32, torch.float32, torch.bool))
    fit = advantages.shape == rewards.shape == (*decidable.shape, 2) and costs.shape == (3, 3)
    constant = not any(each.requires_grad for each in floats)
    return library() if plain and fit and constant and rewards.numel() else None


def _plain(tensors: Sequence[Tensor], kinds: Sequence[torch.dtype]) -> bool:
    """Whether these are ordinary tensors of those types, on the processor."""
    read = zip(tensors, kinds, strict=True)
    return all(type(each) is torch.Tensor and each.device.type == "cpu" and each.dtype == kind for each, kind in read)


def lambda_returns(
    passes: CDLL,
    rewards: Tensor,
    advantages: Tensor,
    actions: Tensor,
    decidable: Tensor,
    costs: Tensor,
    discount: float,
    trace: float,
) -> Tensor:
    """As `targets.sweep`, by the `actions` [B, n, 3] that the advantages lead to."""
    earned, decides, changes = rewards.contiguous(), decidable.contiguous(), costs.contiguous()
    returned = torch.empty_like(earned[:, 0], memory_format=torch.contiguous_format)
    passes.lambda_returns(
        earned.data_ptr(),
        advantages.data_ptr(),
        (c_long * 3)(*advantages.stride()),
        actions.data_ptr(),
        decides.data_ptr(),
        changes.data_ptr(),
        *decides.shape,
        discount,
        trace,
        returned.data_ptr(),
    )
    return returned


def usable_for_trades(held: Tensor, gain: Tensor, errors: Tensor, explored: Tensor, bars: Tensor) -> CDLL | None:
    """The passes, where they can read what `completed_trades` is given; else None."""
    kinds = (torch.float64, torch.float64, torch.float32, torch.bool, torch.int64)
    plain = _plain((held, gain, errors, explored, bars), kinds)
    fit = held.shape == gain.shape == explored.shape == bars.shape == errors.shape[:-1] and held.numel()
    return library() if plain and fit else None


def completed_trades(
    passes: CDLL, held: Tensor, gain: Tensor, errors: Tensor, explored: Tensor, bars: Tensor, fees: float
) -> dict[str, Tensor]:
    """As `lessons.completed_trades`, by name: of positions `held` [P, L] that are flat on the last step, and gained `gain` [P, L]. Where
    no trade begins, the values are 0."""
    read = [each.contiguous() for each in (held, gain, errors, explored, bars)]
    made = {name: torch.zeros(held.shape, dtype=dtype) for name, dtype in TRADE.items()}
    sums = torch.empty(2, held.shape[1], dtype=torch.float64)
    passes.completed_trades(
        *(each.data_ptr() for each in read),
        *held.shape,
        fees,
        *(each.data_ptr() for each in sums),
        byref(Trades(*(each.data_ptr() for each in made.values()))),
    )
    return made
