"""The vector functions of MKL, chosen before several threads ask for them at once.

MKL chooses the code of each function (exp in float32, log in float64, ...) at its first call. Where two threads make that
call together, one of them may compute its share with a coarser one, once: the same run then ends in other last digits in
one fresh process of four (seen by us on two threads; https://github.com/pytorch/pytorch/issues/188792, MKL before 2025).
"""

from __future__ import annotations

import threading

import torch

FUNCTIONS = (torch.exp, torch.log, torch.log1p, torch.sqrt)
"""Those that the market and the learner use."""

_one_at_a_time = threading.Lock()


def choose_vector_functions() -> None:
    """Call each function on a single number, here alone; of trainers in several threads the others wait."""
    with _one_at_a_time:
        for dtype in (torch.float32, torch.float64):
            one = torch.ones(1, dtype=dtype)
            for function in FUNCTIONS:
                function(one)
