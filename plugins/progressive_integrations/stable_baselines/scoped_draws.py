"""Random numbers of a library that draws from the global generators, without a trace of them outside."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def drawing_from(seed: int, episode: int) -> Iterator[int]:
    """Seed the generators of Python, numpy and torch by both numbers, and compute with one thread: two add up sums in another order.
    All is as it was afterwards. Gives a seed below 2**32 for further generators."""
    draw = int(np.random.SeedSequence([seed, episode]).generate_state(1)[0])
    of_python, of_numpy, threads = random.getstate(), np.random.get_state(), torch.get_num_threads()  # noqa: NPY002  # SB3's own
    with torch.random.fork_rng(devices=[]):
        try:
            random.seed(draw)
            np.random.seed(draw)  # noqa: NPY002
            torch.manual_seed(draw)
            torch.set_num_threads(1)
            yield draw
        finally:
            random.setstate(of_python)
            np.random.set_state(of_numpy)  # noqa: NPY002
            torch.set_num_threads(threads)
