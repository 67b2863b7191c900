"""AdamW on one flat parameter tensor (Kingma and Ba 2015; decoupled decay, Loshchilov and Hutter 2019)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

BETAS = (0.9, 0.99)
EPSILON = 1e-8


class Adam:
    """Moments of the gradient, and the step. `decay_mask` says which parameters decay."""

    def __init__(self, parameters: Tensor, decay_mask: Tensor, rate: float, decay: float) -> None:
        self.parameters, self.rate = parameters, rate
        self.decay = decay_mask * (rate * decay)
        self.mean = torch.zeros_like(parameters)
        self.square = torch.zeros_like(parameters)
        self.steps = 0

    def forget(self) -> None:
        """Start anew: the moments belong to weights that have been replaced."""
        self.mean.zero_()
        self.square.zero_()
        self.steps = 0

    def step(self, gradient: Tensor) -> None:
        """Move the parameters against `gradient`."""
        self.steps += 1
        first, second = BETAS
        self.mean.lerp_(gradient, 1 - first)
        self.square.mul_(second).addcmul_(gradient, gradient, value=1 - second)
        bias_correction = (1 - second**self.steps) ** 0.5
        scale = self.square.sqrt().add_(EPSILON * bias_correction)
        self.parameters.addcmul_(self.parameters, self.decay, value=-1.0)
        self.parameters.addcdiv_(self.mean, scale, value=-self.rate * bias_correction / (1 - first**self.steps))
