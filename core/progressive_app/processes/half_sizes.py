"""A bucket that runs out of memory is trained once more, from its last checkpoint and with half its sizes; then the run stops."""

from __future__ import annotations

from progressive_app.machine.logs import get_logger
from progressive_core.contract.errors import OutOfMemoryError
from progressive_core.contract.protocols import Bucket
from progressive_core.contract.records import LedgerEntry, Resources, Sizes
from progressive_core.engine.run import Run, Training
from progressive_core.engine.sequence import End, teach_and_judge, try_bucket

log = get_logger()

ADVICE = "lower PARALLEL_EPISODES or BATCH_SIZE, or begin anew with less REPLAY_CAPACITY or fewer bars"
"""How every message about memory that ran out ends."""


def train_bucket(run: Run, bucket: Bucket) -> None:
    """Train one bucket; where memory runs out, once more from its last checkpoint with half the sizes. Judge a finished one."""
    _train(run, bucket, teach_and_judge)


def train_member(run: Run, bucket: Bucket) -> None:
    """Train a member of a stage in its own store, as `train_bucket` does; it teaches nobody there, and is not judged."""
    _train(run, bucket, _nothing)


def _nothing(training: Training, episode: int) -> tuple[list[LedgerEntry], None]:
    return [], None


def _train(run: Run, bucket: Bucket, end: End) -> None:
    while shortage := try_bucket(run, bucket, end):
        # Nothing of the failed try is held here, no traceback either, so that all that it used can be freed.
        retry_with_half_sizes(run, bucket.name, *shortage)


def retry_with_half_sizes(run: Run, bucket: str, resources: Resources, reason: str) -> None:
    """Free memory, and put the bucket back to its last checkpoint with half of the `resources` that it had.

    To be called where nothing of the failed attempt is held any more, no traceback either.

    :param reason: the allocator's message.
    :raise OutOfMemoryError: the sizes were halved before, or are the smallest: the run stops at its last checkpoint.
    """
    run.prepared.clear()
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
