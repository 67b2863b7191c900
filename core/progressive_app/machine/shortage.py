"""Memory that ran out: told apart from every other failure, whoever asked for the last of it."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Iterator
from typing import TypeVar

import structlog
from attrs import frozen

from progressive_app.machine.memory import release_memory
from progressive_core.contract.errors import ProgressiveTrainingError
from progressive_core.plugins.blame import told

T = TypeVar("T")
log = structlog.get_logger("progressive_training")

_WORDS = (
    "can't allocate memory",  # torch's DefaultCPUAllocator on Linux and macOS, a plain RuntimeError
    "not enough memory",  # the same on Windows
    "out of memory",  # CUDA below torch's own allocator, such as in a kernel's launch
    "ALLOC_FAILED",  # cuBLAS, cuDNN and cuSPARSE
)


def is_shortage(error: BaseException) -> bool:
    """Whether memory ran out, or `error` was raised from an error of which that is true."""
    return any(map(_is_one, _causes(error)))


def told_shortage(error: BaseException) -> str:
    """What the allocator said, in one line; of an error of this program's own, which says whose code it was, that one."""
    if isinstance(error, ProgressiveTrainingError):
        return str(error)
    return told(next(filter(_is_one, _causes(error)), error))


@frozen
class Shortage:
    """Memory ran out: what the allocator said, and the `error`, whose tracebacks hold no frame any more."""

    said: str
    error: Exception

    @property
    def reason(self) -> str:
        """Why something was not done."""
        return f"out of memory: {self.said}"


def attempt(work: Callable[[], T]) -> T | Shortage:
    """What `work` gives, or what was said when memory ran out in it; all that it held is then free to be used again."""
    try:
        return work()
    except Exception as error:
        if not is_shortage(error):
            raise
        log.info("memory ran out", exc_info=True)
        shortage = Shortage(told_shortage(error), error)
    _let_go(shortage.error)
    release_memory()  # here, outside of the failed frames
    return shortage


def _let_go(error: BaseException) -> None:
    """Drop the tracebacks of an error and of all that it came of: their frames hold what was allocated."""
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is not None and each.__traceback__ is not None:
            each.__traceback__ = None
            waiting += [each.__cause__, each.__context__]


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what it was raised from, each once: Python lets them go round in a circle."""
    seen: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and not any(cause is each for each in seen):
        seen.append(cause)
        yield cause
        cause = cause.__cause__


def _is_one(error: BaseException) -> bool:
    if isinstance(error, MemoryError):
        return True
    torch = sys.modules.get("torch")  # who has not loaded it has raised nothing of it
    if torch is not None and isinstance(error, torch.OutOfMemoryError):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _WORDS)
