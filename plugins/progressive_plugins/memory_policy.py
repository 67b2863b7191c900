"""The memory policy: it sets the limit, makes a bucket smaller until it fits, and cleans up after it."""

from __future__ import annotations

from pathlib import Path

from attrs import evolve

from progressive_training import (
    BucketInfo,
    Number,
    Resources,
    Setting,
    get_logger,
    hookimpl,
    read_memory,
    release_memory,
)
from progressive_training.presentation import bytes_text

log = get_logger()

SMALLEST_BATCH = 16
MEMORY_THRESHOLD = Setting(
    "MEMORY_THRESHOLD",
    0.85,
    Number(0, 1, low_excluded=True),
    "share of the memory that may be used before episodes, batches and transfers shrink",
)


class MemoryPolicy:
    """Keeps a bucket under MEMORY_THRESHOLD, a share of the GPU's memory or of the container's.

    The same limit decides which transfers the core lets through.
    """

    settings = (MEMORY_THRESHOLD,)

    def __init__(self) -> None:
        self._devices: dict[Path, str] = {}  # by run: one policy serves trainers in several threads

    @hookimpl
    def on_bucket_start(self, bucket: BucketInfo, resources: Resources) -> Resources | None:
        """Set the limit, and shrink the bucket until it fits."""
        self._devices[bucket.run_dir] = resources.device
        memory = read_memory(resources.device)
        if not memory.total:
            log.info("memory is not limited: its size is unknown", bucket=bucket.name, device=resources.device)
            return None
        threshold = bucket.settings[MEMORY_THRESHOLD]
        limit = int(memory.total * threshold)
        if resources.memory_limit is not None:
            limit = min(limit, resources.memory_limit)
        limited = evolve(resources, memory_limit=limit)
        fitting = shrink(limited, memory.used)
        if fitting != limited:
            log.warning(
                "memory is short: training with fewer parallel episodes and smaller batches",
                bucket=bucket.name,
                parallel_episodes=f"{resources.parallel_episodes} -> {fitting.parallel_episodes}",
                batch_size=f"{resources.batch_size} -> {fitting.batch_size}",
                reason=f"{bytes_text(memory.used)} in use and {bytes_text(resources.memory_needed)} needed, "
                f"of {bytes_text(limit)} allowed ({100 * threshold:g} % of {bytes_text(memory.total)}, by {memory.source})",
            )
        if memory.used + fitting.memory_needed > limit:
            log.warning(
                "memory may not be enough even at the smallest sizes, trying all the same: fewer bars would need less, "
                "a higher MEMORY_THRESHOLD would allow more",
                bucket=bucket.name,
                needed=f"{bytes_text(fitting.memory_needed)}, {bytes_text(fitting.memory_fixed)} of it whatever the sizes",
                free=bytes_text(max(0, limit - memory.used)),
            )
        return fitting

    @hookimpl
    def cleanup(self, bucket: BucketInfo) -> None:
        """Release what the bucket left behind."""
        device = self._devices.pop(bucket.run_dir, "cpu")
        before = read_memory(device)
        release_memory()
        after = read_memory(device)
        log.info(
            "memory released",
            bucket=bucket.name,
            before=bytes_text(before.used),
            after=bytes_text(after.used),
            source=after.source,
        )


def shrink(resources: Resources, used: int) -> Resources:
    """Halve parallel episodes and batch until `used` plus what is needed fits, or both are at their floor.

    What `memory_fixed` holds, such as the market, stays; the rest is taken to shrink with the sizes, by the mean of the
    two ratios.
    """
    assert resources.memory_limit is not None
    fixed = min(resources.memory_fixed, resources.memory_needed)
    episodes, batch, needed = resources.parallel_episodes, resources.batch_size, resources.memory_needed
    while used + needed > resources.memory_limit and (episodes > 1 or batch > SMALLEST_BATCH):
        episodes, batch = max(1, episodes // 2), min(batch, max(SMALLEST_BATCH, batch // 2))
        ratio = (episodes / resources.parallel_episodes + batch / resources.batch_size) / 2
        needed = fixed + int((resources.memory_needed - fixed) * ratio)
    return evolve(resources, parallel_episodes=episodes, batch_size=batch, memory_needed=needed)


memory = MemoryPolicy()
