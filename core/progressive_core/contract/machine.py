"""What the engine asks of the machine that it runs on: how much memory is in use, and whether an error means that it ran out."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from attrs import frozen


@frozen
class Memory:
    """Bytes `used` and in `total` (0 when unknown); `source` is who counted: torch, nvml, cgroup or rss.

    On a GPU `used` counts every process and leaves out what torch caches but could hand out again.
    """

    used: int
    total: int
    source: str


class Machine(Protocol):
    """The memory of the machine. `device` is "cpu" or "cuda:<index>"."""

    def memory_used(self, device: str) -> int:
        """Bytes in use on the device."""

    def read_memory(self, device: str) -> Memory:
        """Bytes in use and in total, and who counted them."""

    def release_memory(self) -> None:
        """Give back what is no longer referenced."""

    def is_shortage(self, error: BaseException) -> bool:
        """Whether memory ran out, or `error` was raised from an error of which that is true."""

    def watch(self, what: str) -> AbstractContextManager[None]:
        """Within it, `what` is under way: whose code, and what it is to do; it is logged when it lasts too long."""

    def describe_shortage(self, error: BaseException) -> str:
        """The allocator's message, on one line."""
