"""A gradient step: the gradient of a batch, the optimiser, and the target network behind it. By the compiled passes where
they are installed and can be used, else by torch; both are the same step up to rounding."""

from __future__ import annotations

from abc import ABC, abstractmethod
from ctypes import byref, c_float, c_long
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from progressive_buckets.learner.fused.compiled import usable_for
from progressive_buckets.learner.fused.fused_gradient import FusedGradient
from progressive_buckets.learner.gradient import Batch, Dropout, DropoutBytes, loss_and_gradient
from progressive_buckets.learner.network import ACTIONS
from progressive_buckets.learner.optimiser import BETAS
from progressive_buckets.learner.recorded_round import CudaGraph, RecordedRound, wanted_on

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from ctypes import CDLL

    from torch import Tensor

    from progressive_buckets.learner.network import Network
    from progressive_buckets.learner.optimiser import Adam
    from progressive_buckets.learner.recorded_round import Recorder, Tensors


class GradientStep(ABC):
    """Changes the online and the target network by one step on a batch of the size that it was made for.

    `dropout`, the random numbers of its dropout, is refilled before a round of steps.
    """

    dropout: DropoutBytes

    @abstractmethod
    def __call__(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """:return: the loss [], and the error of the members' mean advantages [2, B], which the next call may overwrite."""

    def round(self, sample: Batch, size: int, count: int) -> tuple[Tensor, Tensor]:
        """Make `count` steps, each on the next `size` of the N bars of a `sample`, and on the first ones again after the last.

        :return: the losses [count], and the mean absolute error [N] of the advantages of each bar at the last step on it.
        """
        losses, missed = [], torch.empty_like(sample.shares[0])
        for k in range(count):
            start = k * size % len(sample.bars)
            part = slice(start, start + size)
            batch = Batch(sample.table, sample.bars[part], sample.targets[:, part], sample.shares[:, part])
            loss, error = self(batch)
            torch.mean(error.abs(), dim=0, out=missed[part])
            losses.append(loss)
        return torch.stack(losses), missed


class TorchStep(GradientStep):
    """The step on any device, by `gradient.loss_and_gradient`."""

    dropout: Dropout

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


class RecordedStep(TorchStep):
    """A `TorchStep` whose rounds are recorded: of the numbers of the host none changes from round to round."""

    def __init__(self, recorder: Callable[[torch.device], Recorder], *of_step: Any) -> None:
        super().__init__(*of_step)
        self.recorder = recorder
        self.rounds: dict[int, RecordedRound] = {}
        self.numbers: Iterator[Tensor] = iter(())

    def __call__(self, batch: Batch) -> tuple[Tensor, Tensor]:
        found = loss_and_gradient(self.online, batch, self.dropout)
        self.adam.step_by(self.online.gradient, next(self.numbers))
        self.target.flat.lerp_(self.online.flat, self.tracking)
        return found

    def round(self, sample: Batch, size: int, count: int) -> tuple[Tensor, Tensor]:
        if count not in self.rounds:
            state = self.online.flat, self.target.flat, self.adam.mean, self.adam.square
            run = partial(self._round, sample.table, size, count)
            self.rounds[count] = RecordedRound(run, state, self.recorder(self.online.flat.device))
        numbers = self.adam.next_steps(count)
        losses, missed = self.rounds[count](sample.bars, sample.targets, sample.shares, self.dropout.pool, numbers)
        return losses, missed

    def _round(
        self,
        table: Tensor,
        size: int,
        count: int,
        bars: Tensor,
        targets: Tensor,
        shares: Tensor,
        masks: Tensor,
        numbers: Tensor,
    ) -> Tensors:
        self.dropout.pool, self.dropout.cursor, self.numbers = masks, 0, iter(numbers)
        return super().round(Batch(table, bars, targets, shares), size, count)


class FusedStep(GradientStep):
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

    def round(self, sample: Batch, size: int, count: int) -> tuple[Tensor, Tensor]:
        if not self.gradient.alone:
            return super().round(sample, size, count)
        adam, table, masked = self.adam, sample.table, size * self.online.shape.width * self.online.shape.members
        whole, pool = self.gradient.stretches[0].step, self.dropout.pool
        whole.stride = sample.targets.stride(0)
        places = (c_long * (2 * count))(*(self.dropout.place(masked) for _ in range(2 * count)))
        rates = (c_float * (2 * count))(*(number for _ in range(count) for number in adam.next_step()))
        losses, missed = torch.empty(count), torch.empty(len(sample.bars))
        self.library.round_of_steps(
            *(byref(whole), table.data_ptr(), table.stride(0), table.dtype == torch.bfloat16),
            *(sample.bars.data_ptr(), len(sample.bars), pool.data_ptr(), places),
            *(sample.targets.data_ptr(), sample.shares.data_ptr(), count, rates),
            *(adam.mean.data_ptr(), adam.square.data_ptr(), adam.decay.data_ptr(), self.target.flat.data_ptr()),
            *(adam.parameters.numel(), *(1 - beta for beta in BETAS), self.tracking),
            *(losses.data_ptr(), missed.data_ptr()),
        )
        return losses, missed


def gradient_step(
    online: Network, target: Network, adam: Adam, tracking: float, drop: float, dtype: torch.dtype, rows: int
) -> GradientStep:
    """The step for batches of `rows` observations: the compiled one where it can be had, on a GPU one that is recorded if that is wanted."""
    shape = online.shape
    if wanted_on(online.flat.device):
        return RecordedStep(CudaGraph, online, target, adam, tracking, drop, dtype)
    library = usable_for(online.flat, shape.width, ACTIONS + len(shape.horizons))
    if library is None:
        return TorchStep(online, target, adam, tracking, drop, dtype)
    return FusedStep(library, online, target, adam, tracking, drop, dtype, rows)
