"""Running sums and products that come out the same at each run, on a GPU too.

There a scan over one long row is shared by many blocks of threads, which add up what is ready when they look: the last digits
differ from run to run (pytorch issue 75240). torch's own switch for deterministic algorithms does not help with products, and in
torch 2.6 takes the square of the length in memory for sums. A row that one block of threads scans alone comes out the same, and so
does each of many rows. Hence one long row is cut into short ones here. This follows from torch's source, and the arithmetic is
tested; it was not run on a GPU.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn.functional import pad

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    Scan = Callable[[Tensor, int], Tensor]
    Join = Callable[[Tensor, Tensor], Tensor]

ROW = 1_024
"""Numbers in a row: as many as one block of threads scans in one step."""


def adds_in_order(device: torch.device) -> bool:
    """Whether this device adds the numbers of one row up in the same order at each run: a processor does, a GPU does not."""
    return device.type == "cpu"


def running_sum(values: Tensor) -> Tensor:
    """Sums of `values` [..., T] from the first to each one [..., T]; the same at each run, whatever the device."""
    if _comes_out_the_same(values):
        return torch.cumsum(values, -1)
    return _by_rows(values, torch.cumsum, torch.add, 0.0)


def running_product(values: Tensor) -> Tensor:
    """As `running_sum`, the products."""
    if _comes_out_the_same(values):
        return torch.cumprod(values, -1)
    return _by_rows(values, torch.cumprod, torch.mul, 1.0)


def _comes_out_the_same(values: Tensor) -> bool:
    return adds_in_order(values.device) or values.numel() > values.shape[-1]  # of many rows, each has a block to itself


def _by_rows(values: Tensor, scan: Scan, join: Join, neutral: float) -> Tensor:
    length = values.shape[-1]
    if length < 2:
        return values
    rows = max(2, -(-length // ROW))
    filled = pad(values, (0, rows * ROW - length))  # behind all others, so they never see it
    within = scan(filled.unflatten(-1, (rows, ROW)), -1)
    before = pad(_by_rows(within[..., :-1, -1], scan, join, neutral), (1, 0), value=neutral)  # [..., rows]
    return join(within, before.unsqueeze(-1)).flatten(-2)[..., :length]
