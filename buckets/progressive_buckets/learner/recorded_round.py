"""A round of gradient steps as one CUDA graph: the GPU gets one order for all kernels of a round, and not one for each.

Only where `PROGRESSIVE_TRAINING_PASSES` is "graph": it was never run on a GPU. torch's notes on CUDA graphs
(https://pytorch.org/docs/stable/notes/cuda.html#cuda-graphs) say what holds here:

- A replay runs the same kernels on the same addresses with the same numbers of the host. So inputs are copied to tensors that stay,
  and the numbers of Adam that change with every step are an input (`Adam.next_steps`).
- While it is recorded the host must not wait for the GPU. Random numbers of a generator of one's own need a registration: here they are
  drawn before the round.
- The steps must have run before, on a stream beside the default one, as the first round does.

What a recording does with later inputs shows only later. So the second round runs both ways, and the graph is used from the third on if the
bytes were the same. Where recording fails, training ends: torch's `CUDAGraph::reset` says that it cannot put the allocator in order then, before torch
2.12 the next `torch.cuda.empty_cache()` may end in an assertion (pytorch pull request 180395), and torch's `graph.__exit__` leaves the side stream current.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Protocol

import torch

from progressive_training import ConfigError, get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    Tensors = tuple[Tensor, ...]

PASSES, RECORDED = "PROGRESSIVE_TRAINING_PASSES", "graph"
"""The environment variable that says how a step is computed, and its value for recorded rounds."""
log = get_logger()


def wanted_on(device: torch.device) -> bool:
    """Whether rounds are to be recorded on this device."""
    return device.type == "cuda" and os.environ.get(PASSES) == RECORDED


class Recorder(Protocol):
    """Records what a function does on a device, once, and repeats it."""

    def warm(self, run: Callable[[], Tensors]) -> Tensors:
        """Run it, as it will be recorded."""

    def record(self, run: Callable[[], Tensors]) -> Tensors:
        """Record it; nothing is computed. The tensors that it returns get their values by `replay`."""

    def replay(self) -> None:
        """Compute what was recorded."""


class CudaGraph:
    """A `Recorder` by torch.cuda.CUDAGraph."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.graph, self.stream = device, torch.cuda.CUDAGraph(), torch.cuda.Stream(device)

    def warm(self, run: Callable[[], Tensors]) -> Tensors:
        current = torch.cuda.current_stream(self.device)
        self.stream.wait_stream(current)
        with torch.cuda.stream(self.stream):
            found = run()
        current.wait_stream(self.stream)
        return found

    def record(self, run: Callable[[], Tensors]) -> Tensors:
        """:raise ConfigError: it cannot be recorded."""
        try:
            with torch.cuda.device(self.device), torch.cuda.graph(self.graph, stream=self.stream):
                return run()
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            raise ConfigError(
                f"{PASSES} is {RECORDED}, and a round of gradient steps cannot be recorded on {self.device}: {error}. "
                "Unset it, and go on with --resume."
            ) from error

    def replay(self) -> None:
        self.graph.replay()


class RecordedRound:
    """A function that runs as a recording, once that gave the same bytes.

    :param run: it writes to `state` and to what it returns, float32 both, and follows from its inputs and `state` alone.
    """

    def __init__(self, run: Callable[..., Tensors], state: Sequence[Tensor], recorder: Recorder) -> None:
        self.run, self.state, self.recorder = run, state, recorder
        self.held: Tensors = ()
        self.found: Tensors = ()
        self.same: bool | None = None
        """Whether a replay gave the same bytes; None as long as none was compared."""

    def __call__(self, *inputs: Tensor) -> Tensors:
        """What `run` returns for `inputs`, which have the same sizes at every call."""
        if self.same is False:
            return self.run(*inputs)
        if not self.held:
            self.held = tuple(given.clone() for given in inputs)
            found = self.recorder.warm(partial(self.run, *self.held))
            self.found = self.recorder.record(partial(self.run, *self.held))
            return found
        for held, given in zip(self.held, inputs, strict=True):
            held.copy_(given)
        if self.same is None:
            return self._compared()
        self.recorder.replay()
        return _copies(self.found)  # the next replay writes to the same places

    def _compared(self) -> Tensors:
        """What `run` returns, and whether a replay does the same."""
        before = _copies(self.state)
        found = self.run(*self.held)
        after = _copies(self.state)
        _restore(self.state, before)
        self.recorder.replay()
        pairs = zip((*found, *after), (*self.found, *self.state), strict=True)
        self.same = all(torch.equal(each.view(torch.int32), replayed.view(torch.int32)) for each, replayed in pairs)
        if not self.same:
            _restore(self.state, after)
            log.warning("a recorded round of gradient steps has other results than its steps: steps run one by one")
        return found


def _copies(tensors: Sequence[Tensor]) -> Tensors:
    return tuple(tensor.clone() for tensor in tensors)


def _restore(tensors: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    for tensor, value in zip(tensors, values, strict=True):
        tensor.copy_(value)
