"""Parts (d) and (f): how many operations an update takes by its layers, and how fast this machine multiplies matrices."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

import torch

from progressive_buckets.learner.critic import PASSES, ROUND

if TYPE_CHECKING:
    from progressive_buckets.learner.network import Shape

COUNT = (
    "count per bar and member, C columns, W width, H horizons: 2 x [half a value pass of CW + WW + 2W + 2C for the target;"
    " forward CW + WW + (2+H)W + 2C; gradients of weights the same; of activations WW + (2+H)W]"
)


def valued_share(training_bars: int, batch: int) -> float:
    """For what share of the bars that a round of steps samples a value is computed: each bar is valued once at most."""
    return min(1.0, (training_bars + 1) / (ROUND // PASSES * batch))


def operations(shape: Shape, valued: float) -> int:
    """Floating-point operations in the matrix products that one sampled bar costs, a multiplication and an addition each.

    The next bar is valued once for all the passes that a round makes; the bar itself goes forward through all heads and
    back. Gates, normalisation, dropout and the optimiser are no products and do not count.

    :param valued: the share of sampled bars for which the next one's value is computed (`valued_share`).
    """
    columns, width, horizons = shape.features * shape.scales, shape.width, len(shape.horizons)
    layers = columns * width + width * width
    values = 2 * width + 2 * columns
    forward = layers + values + horizons * width
    into_activations = width * width + (2 + horizons) * width
    return 2 * shape.members * (round(valued * (layers + values) / PASSES) + 2 * forward + into_activations)


def product_rate(dtype: torch.dtype, device: str, size: int, seconds: float) -> float:
    """Operations a second of `torch.mm` on square matrices: the fastest of several, for at least so many seconds."""
    left, right = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    torch.mm(left, right)
    best, end = float("inf"), perf_counter() + seconds
    while perf_counter() < end:
        settle(device)
        start = perf_counter()
        torch.mm(left, right)
        settle(device)
        best = min(best, perf_counter() - start)
    return 2 * size**3 / best


def settle(device: str) -> None:
    """Wait until the device has done all that it was given."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()
