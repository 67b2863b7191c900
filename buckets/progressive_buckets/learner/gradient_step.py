"""A gradient step: the gradient of a batch, the optimiser, and the target network behind it. By the compiled passes where
they are installed and can be used, else by torch; both are the same step up to rounding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import torch

from progressive_buckets.learner.fused.compiled import usable_for
from progressive_buckets.learner.fused.fused_gradient import FusedGradient
from progressive_buckets.learner.gradient import Dropout, DropoutBytes, loss_and_gradient
from progressive_buckets.learner.network import ACTIONS
from progressive_buckets.learner.optimiser import BETAS

if TYPE_CHECKING:
    from ctypes import CDLL

    from torch import Tensor

    from progressive_buckets.learner.gradient import Batch
    from progressive_buckets.learner.network import Network
    from progressive_buckets.learner.optimiser import Adam


class GradientStep(Protocol):
    """Changes the online and the target network by one step on a batch of the size that it was made for.

    `dropout` is refilled before a round of steps.
    """

    @property
    def dropout(self) -> DropoutBytes:
        """The random numbers of its dropout."""

    def __call__(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """:return: the loss [], and the error of the members' mean advantages [2, B], which the next call may overwrite."""


class TorchStep:
    """The step on any device, by `gradient.loss_and_gradient`."""

    def __init__(
        self, online: Network, target: Network, adam: Adam, tracking: float, drop: float, dtype: torch.dtype
    ) -> None:
        self.online, self.target, self.adam, self.tracking = online, target, adam, tracking
        self.dropout = Dropout(drop, dtype, online.flat.device)

    def __call__(self, batch: Batch) -> tuple[Tensor, Tensor]:
        found = loss_and_gradient(self.online, batch, self.dropout)
        self.adam.step(self.online.gradient)
        self.target.flat.lerp_(self.online.flat, self.tracking)
        return found


class FusedStep:
    """The step on the processor by the compiled passes, on batches of `rows` observations."""

    def __init__(
        self,
        library: CDLL,
        online: Network,
        target: Network,
        adam: Adam,
        tracking: float,
        drop: float,
        dtype: torch.dtype,
        rows: int,
    ) -> None:
        self.library, self.online, self.target, self.adam, self.tracking = library, online, target, adam, tracking
        self.dropout = DropoutBytes(drop, "cpu")
        self.gradient = FusedGradient(library, online, self.dropout, rows, dtype)

    def __call__(self, batch: Batch) -> tuple[Tensor, Tensor]:
        found = self.gradient(batch)
        adam, (first, second) = self.adam, BETAS
        epsilon, rate = adam.next_step()
        self.library.adam_step(
            *(
                tensor.data_ptr()
                for tensor in (
                    adam.parameters,
                    self.online.gradient,
                    adam.mean,
                    adam.square,
                    adam.decay,
                    self.target.flat,
                )
            ),
            adam.parameters.numel(),
            1 - first,
            1 - second,
            epsilon,
            rate,
            self.tracking,
        )
        return found


def gradient_step(
    online: Network, target: Network, adam: Adam, tracking: float, drop: float, dtype: torch.dtype, rows: int
) -> GradientStep:
    """The step for batches of `rows` observations: the compiled one where it can be had."""
    shape = online.shape
    library = usable_for(online.flat, shape.width, ACTIONS + len(shape.horizons))
    if library is None:
        return TorchStep(online, target, adam, tracking, drop, dtype)
    return FusedStep(library, online, target, adam, tracking, drop, dtype, rows)
