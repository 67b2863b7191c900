"""After memory ran out: half the sizes and on from the last checkpoint, once a bucket; then the run stops, in one line."""

from __future__ import annotations

import structlog

from progressive_app.machine.memory import read_memory, release_memory
from progressive_core.contract.errors import OutOfMemoryError
from progressive_core.contract.records import Resources, Sizes
from progressive_core.engine.run import Run

log = structlog.get_logger("progressive_training")

MEND = "lower PARALLEL_EPISODES or BATCH_SIZE, or begin anew with less REPLAY_CAPACITY or fewer bars"


def go_on_smaller(run: Run, bucket: str, resources: Resources, reason: str) -> None:
    """Free what can be freed, and have the bucket go on from its last checkpoint with half of the `resources` that it had.

    To be called where nothing of the failed attempt is held any more, no traceback either.

    :param reason: what the allocator said.
    :raise OutOfMemoryError: it has been halved before, or has the smallest sizes: the run stops at its last checkpoint.
    """
    release_memory()
    episodes, batch = resources.parallel_episodes, resources.batch_size
    sizes = Sizes(parallel_episodes=max(1, episodes // 2), batch_size=max(1, batch // 2))
    asked = f"{episodes} parallel episodes and batches of {batch}"
    before = run.store.progress.halved_to
    if before is not None or (episodes, batch) == (1, 1):
        memory = read_memory(resources.device)
        raise OutOfMemoryError(
            f"{bucket}: memory ran out{' again' if before else ''}, with {asked} ({reason}); "
            f"{memory.used / 1e6:,.0f} of {memory.total / 1e6:,.0f} MB are in use without it (by {memory.source}); {MEND}"
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
