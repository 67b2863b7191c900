"""The compiled pass of `lambda_returns.c`: declared, and called with torch's tensors."""

from __future__ import annotations

from ctypes import CDLL, c_float, c_long, c_void_p
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from progressive_training import compiled_library

if TYPE_CHECKING:
    from torch import Tensor


@cache
def library() -> CDLL | None:
    """The pass for this processor; None where the package was installed without."""
    long, real, address = c_long, c_float, c_void_p
    functions = {"lambda_returns": (*(address,) * 6, long, long, real, real, address)}
    return compiled_library(Path(__file__).with_name("lambda_returns.c"), functions)


def usable_for(rewards: Tensor, advantages: Tensor, decidable: Tensor, costs: Tensor) -> CDLL | None:
    """The pass, where it can read what `targets.sweep` is given; else None."""
    floats = all(each.dtype == torch.float32 for each in (rewards, advantages, costs))
    plain = all(
        type(each) is torch.Tensor and each.device.type == "cpu" for each in (rewards, advantages, decidable, costs)
    )
    fit = advantages.shape == rewards.shape == (*decidable.shape, 2) and costs.shape == (3, 3)
    return library() if floats and plain and fit and decidable.dtype == torch.bool and rewards.numel() else None


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
