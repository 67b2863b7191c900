"""Whether an error means that memory ran out, whoever asked for the last of it: torch, CUDA, Python or the system."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator

from progressive_core.contract.errors import ProgressiveTrainingError
from progressive_core.plugins.blame import describe_error

_MESSAGES = (
    "can't allocate memory",  # torch's DefaultCPUAllocator on Linux and macOS, a plain RuntimeError
    "not enough memory",  # the same on Windows
    "out of memory",  # CUDA below torch's own allocator, such as in a kernel's launch
    "ALLOC_FAILED",  # cuBLAS, cuDNN and cuSPARSE
    "can't start new thread",  # Python, where a thread's stack has no room
)
_LOADING = ("failed to map segment", "annot allocate memory", "annot map zero-fill pages", "Out of memory")
"""What the system says where a library that is loaded has no room."""


def is_shortage(error: BaseException) -> bool:
    """Whether memory ran out, or `error` was raised from an error of which that is true."""
    return any(map(_means_shortage, _causes(error)))


def describe_shortage(error: BaseException) -> str:
    """The allocator's message on one line; of an error of this program, which names whose code it was, that error's."""
    if isinstance(error, ProgressiveTrainingError):
        return str(error)
    return describe_error(next(filter(_means_shortage, _causes(error)), error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what it was raised from, each once: Python lets them go round in a circle."""
    seen: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and not any(cause is each for each in seen):
        seen.append(cause)
        yield cause
        cause = cause.__cause__


def _means_shortage(error: BaseException) -> bool:
    if isinstance(error, MemoryError):
        return True
    torch = sys.modules.get("torch")  # who has not loaded it has raised nothing of it
    if torch is not None and isinstance(error, torch.OutOfMemoryError):
        return True
    if isinstance(error, OSError | ImportError):
        return getattr(error, "errno", None) == errno.ENOMEM or any(message in str(error) for message in _LOADING)
    return isinstance(error, RuntimeError) and any(message in str(error) for message in _MESSAGES)
