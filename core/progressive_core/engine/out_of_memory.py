"""What happens when memory runs out: a step is undone, a bucket is retried with half its sizes once, then the run stops."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import structlog
from attrs import frozen

from progressive_core.contract.errors import OutOfMemoryError
from progressive_core.contract.machine import Machine
from progressive_core.contract.records import Resources, Sizes
from progressive_core.engine.run import Run

T = TypeVar("T")
log = structlog.get_logger("progressive_training")

ADVICE = "lower PARALLEL_EPISODES or BATCH_SIZE, or begin anew with less REPLAY_CAPACITY or fewer bars"
"""How every message about memory that ran out ends."""


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
        each = waiting.pop()
        if each is not None and each.__traceback__ is not None:
            each.__traceback__ = None
            waiting += [each.__cause__, each.__context__]


def retry_with_half_sizes(run: Run, bucket: str, resources: Resources, reason: str) -> None:
    """Free memory, and put the bucket back to its last checkpoint with half of the `resources` that it had.

    To be called where nothing of the failed attempt is held any more, no traceback either.

    :param reason: the allocator's message.
    :raise OutOfMemoryError: the sizes were halved before, or are the smallest: the run stops at its last checkpoint.
    """
    run.machine.release_memory()
    episodes, batch = resources.parallel_episodes, resources.batch_size
    sizes = Sizes(parallel_episodes=max(1, episodes // 2), batch_size=max(1, batch // 2))
    asked = f"{episodes} parallel episodes and batches of {batch}"
    before = run.store.progress.halved_to
    if before is not None or (episodes, batch) == (1, 1):
        memory = run.machine.read_memory(resources.device)
        raise OutOfMemoryError(
            f"{bucket}: memory ran out{' again' if before else ''}, with {asked} ({reason}); "
            f"{memory.used / 1e6:,.0f} of {memory.total / 1e6:,.0f} MB are in use without it (by {memory.source}); {ADVICE}"
        )
    run.store.go_back(sizes)
    start = "its last checkpoint" if run.store.progress.bucket else "its beginning"
    halved = f"{sizes.parallel_episodes} and {sizes.batch_size}"
    log.warning(
        "memory ran out: the bucket goes on with half the sizes",
        bucket=bucket,
        parallel_episodes=f"{episodes} -> {sizes.parallel_episodes}",
        batch_size=f"{batch} -> {sizes.batch_size}",
        reason=reason,
    )
    run.progress(f"{bucket}: memory ran out with {asked}; going on from {start} with {halved}")
