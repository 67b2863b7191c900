"""AdamW on one flat parameter tensor (Kingma and Ba 2015; decoupled decay, Loshchilov and Hutter 2019)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from progressive_buckets.state_checks import checked_count, checked_like

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

BETAS = (0.9, 0.99)
EPSILON = 1e-8


class Adam:
    """Moments of the gradient, and the step.

    :param parameters: [S], changed in place. :param decay_mask: [S], 1 for each parameter that decays, else 0.
    """

    def __init__(self, parameters: Tensor, decay_mask: Tensor, rate: float, decay: float) -> None:
        self.parameters, self.rate = parameters, rate
        self.decay = decay_mask * (rate * decay)
        self.mean = torch.zeros_like(parameters)
        self.square = torch.zeros_like(parameters)
        self.steps = 0

    def forget(self) -> None:
        """Reset the moments, after the weights have been replaced."""
        self.mean.zero_()
        self.square.zero_()
        self.steps = 0

    def step(self, gradient: Tensor) -> None:
        """One step of the parameters against `gradient` [S]."""
        epsilon, rate = self.next_step()
        scale = self._moved(gradient).add_(epsilon)
        self.parameters.addcdiv_(self.mean, scale, value=-rate)

    def step_by(self, gradient: Tensor, numbers: Tensor) -> None:
        """As `step`, with the epsilon and the rate of `next_steps` [2]."""
        epsilon, rate = numbers.unbind()
        scale = self._moved(gradient).add_(epsilon).div_(rate)
        self.parameters.addcdiv_(self.mean, scale, value=-1.0)

    def _moved(self, gradient: Tensor) -> Tensor:
        """Take `gradient` [S] into the moments, and decay the parameters; the root of the second moment [S]."""
        first, second = BETAS
        self.mean.lerp_(gradient, 1 - first)
        self.square.mul_(second).addcmul_(gradient, gradient, value=1 - second)
        scale = self.square.sqrt()
        self.parameters.addcmul_(self.parameters, self.decay, value=-1.0)
        return scale

    def next_step(self) -> tuple[float, float]:
        """Count one step more; its epsilon and rate, with the bias of both moments corrected."""
        self.steps += 1
        first, second = BETAS
        bias_correction = (1 - second**self.steps) ** 0.5
        return EPSILON * bias_correction, self.rate * bias_correction / (1 - first**self.steps)

    def next_steps(self, count: int) -> Tensor:
        """As `next_step`, of `count` steps [count, 2], on the device of the parameters."""
        steps = torch.arange(1, count + 1, dtype=torch.float64, device=self.parameters.device) + self.steps
        self.steps += count
        first, second = BETAS
        bias_correction = (1 - second**steps).sqrt()
        rates = self.rate * bias_correction / (1 - first**steps)
        return torch.stack([EPSILON * bias_correction, rates], dim=1).float()

    def state_dict(self) -> dict[str, Any]:
        """Both moments and the number of steps; the tensors are the optimiser's own."""
        return {"mean": self.mean, "square": self.square, "steps": self.steps}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Return to a state of `state_dict()`.

        :raise ValueError: something does not fit; nothing is then changed.
        """
        steps = checked_count(state, "steps")
        tensors = checked_like(state, mean=self.mean, square=self.square)
        self.mean.copy_(tensors["mean"])
        self.square.copy_(tensors["square"])
        self.steps = steps
