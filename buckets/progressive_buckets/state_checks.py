"""Checks of one value in a part's state, which may come from a stranger's checkpoint file.

Each returns the value that it checked, and raises ValueError with the value's name where it does not fit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

LARGEST = 2**62
"""No count and no absolute value of a number in a state is larger."""


def misfit(name: str) -> ValueError:
    """The error for a value that does not fit."""
    return ValueError(f"{name} is missing, or of another type, size or range")


def checked_tensor(state: Mapping[str, Any], name: str, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """The tensor `name` of this shape and type."""
    tensor = state.get(name)
    if not isinstance(tensor, torch.Tensor) or tuple(tensor.shape) != shape or tensor.dtype != dtype:
        raise misfit(name)
    return tensor


def checked_like(state: Mapping[str, Any], **own: Tensor) -> dict[str, Tensor]:
    """The tensors of the names of `own`, each of the shape and type of its own one."""
    return {name: checked_tensor(state, name, tuple(like.shape), like.dtype) for name, like in own.items()}


def checked_counts(state: Mapping[str, Any], name: str, like: Tensor) -> Tensor:
    """The tensor `name`, of the shape and type of `like`, of numbers from 0 to `LARGEST`: what is drawn by needs such."""
    counts = checked_tensor(state, name, tuple(like.shape), like.dtype)
    if not bool(((counts >= 0) & (counts <= LARGEST)).all()):  # not a number fails every comparison
        raise misfit(name)
    return counts


def checked_bars(state: Mapping[str, Any], name: str, count: int, market_bars: int) -> Tensor:
    """The tensor `name` of `count` bar numbers [count] int64, each one of a market of `market_bars` bars."""
    bars = checked_tensor(state, name, (count,), torch.int64)
    if count and not 0 <= int(bars.min()) <= int(bars.max()) < market_bars:
        raise misfit(name)
    return bars


def checked_length(state: Mapping[str, Any], name: str) -> int:
    """The length of the first dimension of the tensor `name`."""
    tensor = state.get(name)
    if not isinstance(tensor, torch.Tensor) or not tensor.dim():
        raise misfit(name)
    return len(tensor)


def checked_count(state: Mapping[str, Any], name: str, most: int = LARGEST) -> int:
    """The whole number `name`, from 0 to `most`."""
    value = state.get(name)
    if type(value) is not int or not 0 <= value <= most:
        raise misfit(name)
    return value


def checked_number(state: Mapping[str, Any], name: str, least: float = -LARGEST, most: float = LARGEST) -> float:
    """The number `name`, from `least` to `most`."""
    value: Any = state.get(name)
    if type(value) not in (int, float) or not least <= value <= most:  # not a number fails every comparison
        raise misfit(name)
    return float(value)


def checked_flag(state: Mapping[str, Any], name: str) -> bool:
    """The boolean `name`."""
    value = state.get(name)
    if type(value) is not bool:
        raise misfit(name)
    return value
