"""Calls each vector function of MKL once, before several threads use it, so that runs are reproducible.

MKL selects the code of each function (exp in float32, log in float64, ...) at its first call. If two threads make that
call at once, one of them may compute its share with less precise code. In one of four fresh processes with two threads
the same run then ended in other last digits (measured; https://github.com/pytorch/pytorch/issues/188792, MKL before 2025).
"""

from __future__ import annotations

import threading

import torch

FUNCTIONS = (torch.exp, torch.log, torch.log1p, torch.sqrt)
"""The functions that the market and the learner use."""

_one_at_a_time = threading.RLock()


def choose_vector_functions() -> None:
    """Call each function on a single number, in one thread at a time."""
    with _one_at_a_time:
        for dtype in (torch.float32, torch.float64):
            one = torch.ones(1, dtype=dtype)
            for function in FUNCTIONS:
                function(one)
