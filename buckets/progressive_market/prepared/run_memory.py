"""What a run keeps in memory for the next bucket that opens the same bars, within bounds. It belongs to the run and ends with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from progressive_training import BucketInfo

T = TypeVar("T")
KEY = "progressive_market"
"""Where `BucketInfo.prepared` has it."""
MOST_BYTES = 128 << 20
"""Of bars and markets that one run keeps in memory."""
LARGEST = MOST_BYTES // 4
"""Bytes of one of them; a larger market is mapped from the cache instead, and larger bars are read again."""


@define(eq=False)
class RunMemory:
    """Keeps `small` results for good, and `large` ones as long as `MOST_BYTES` hold them: those used last stay. Outside of a run
    (`lasts` is false) it keeps nothing large."""

    lasts: bool
    small: dict[Hashable, Any] = field(factory=dict)
    large: dict[Hashable, tuple[Any, int]] = field(factory=dict)

    def once(self, what: Hashable, make: Callable[[], T]) -> T:
        """The result of `make`, made once. It must be small: it is kept until the run ends."""
        if what not in self.small:
            self.small[what] = make()
        found: T = self.small[what]
        return found

    def recent(self, what: Hashable) -> Any:
        """A large result that is still there, else None; it then counts as used last."""
        if what not in self.large:
            return None
        self.large[what] = self.large.pop(what)
        return self.large[what][0]

    def keep(self, what: Hashable, value: Any, size: int) -> bool:
        """Keep a large result of `size` bytes, in place of those not used for the longest time; whether it is kept."""
        if not self.lasts or size > LARGEST:
            return False
        self.large.pop(what, None)
        self.large[what] = value, size
        while sum(each for _, each in self.large.values()) > MOST_BYTES:
            del self.large[next(iter(self.large))]
        return True


def memory_of(info: BucketInfo) -> RunMemory:
    """The memory of the run that `info` belongs to, or one of its own that is gone after use."""
    if info.prepared is None:
        return RunMemory(lasts=False)
    memory: RunMemory = info.prepared.setdefault(KEY, RunMemory(lasts=True))
    return memory
