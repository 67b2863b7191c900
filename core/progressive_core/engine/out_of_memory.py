"""What happens when memory runs out in a step: it is undone, and all that it held is free again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import structlog
from attrs import frozen

from progressive_core.contract.machine import Machine

T = TypeVar("T")
log = structlog.get_logger("progressive_training")


@frozen
class Shortage:
    """Memory ran out: the allocator's `message`, and the `error`, whose tracebacks were dropped with all that they held."""

    message: str
    error: Exception

    @property
    def reason(self) -> str:
        """Why something was not done."""
        return f"out of memory: {self.message}"


def attempt(machine: Machine, work: Callable[[], T]) -> T | Shortage:
    """The result of `work`, or a `Shortage` when memory ran out in it; all that it held is then free to be used again."""
    try:
        return work()
    except Exception as error:
        if not machine.is_shortage(error):
            raise
        log.info("memory ran out", exc_info=True)
        shortage = Shortage(machine.describe_shortage(error), error)
    _drop_tracebacks(shortage.error)
    machine.release_memory()  # here, outside of the failed frames
    return shortage


def _drop_tracebacks(error: BaseException) -> None:
    """Of an error and of all that it was raised from: their frames hold what was allocated."""
    waiting: list[BaseException | None] = [error]
    while waiting:
        if (each := waiting.pop()) is not None and each.__traceback__ is not None:
            each.__traceback__ = None
            waiting += [each.__cause__, each.__context__]
