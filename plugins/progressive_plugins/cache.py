"""The data cache: where a run may keep prepared data, how much of it, and what goes first."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from attrs import evolve, frozen

from progressive_training import BucketInfo, FilePath, OrNull, Resources, RunInfo, Setting, Whole, get_logger, hookimpl
from progressive_training.presentation import bytes_text

log = get_logger()

CACHE = "cache"
OF_OURS = "progressive-training"
"""The folder within a named directory: what else is there is nobody's to evict."""
CACHE_MB = Setting("CACHE_MB", 2048, Whole(0, 1_000_000), "room for prepared data on disk, in MB")
CACHE_DIR: Setting[str | None] = Setting(
    "CACHE_DIR",
    None,
    OrNull(FilePath(), "the run's own directory, and gone at its end"),
    "where prepared data is kept; in a named directory it stays, for all runs and workers that name it",
)


@frozen
class CachedFile:
    """A file in the cache: bytes, and the time of its last use (of reading or writing, whichever is later)."""

    path: Path
    size: int
    used_at: float


class CachePolicy:
    """Gives each bucket RUN/cache of CACHE_MB, and removes it at the end of the run; or the named CACHE_DIR, which stays.

    An error keeps the cache, because a resumed run will want it.
    """

    settings = (CACHE_MB, CACHE_DIR)

    @hookimpl
    def on_bucket_start(self, bucket: BucketInfo, resources: Resources) -> Resources | None:
        """Offer the cache, unless CACHE_MB is 0."""
        bound = bucket.settings[CACHE_MB] << 20
        return evolve(resources, cache_dir=cache_dir(bucket), cache_bytes=bound) if bound else None

    @hookimpl
    def cleanup(self, bucket: BucketInfo) -> None:
        """Evict what is over the bound."""
        folder = cache_dir(bucket)
        if folder.is_symlink() or not folder.is_dir():
            return
        evicted = evict(folder, bucket.settings[CACHE_MB] << 20)
        if evicted:
            log.info(
                "cache over its bound: least recently used files removed",
                bucket=bucket.name,
                files=len(evicted),
                freed=bytes_text(sum(file.size for file in evicted)),
            )

    @hookimpl
    def on_run_end(self, run: RunInfo, error: BaseException | None) -> None:
        """Remove the cache of a run that is done."""
        folder = run.run_dir / CACHE
        if error is None and run.settings[CACHE_DIR] is None and folder.is_dir() and not folder.is_symlink():
            shutil.rmtree(folder)
            log.info("cache removed", path=str(folder))


def cache_dir(bucket: BucketInfo) -> Path:
    """Return where this run's cache is, whether it exists or not; scratch arms share that of the run around theirs."""
    if (named := bucket.settings[CACHE_DIR]) is not None:
        return Path(named) / OF_OURS
    return (bucket.run_dir.parent if bucket.scratch_arm else bucket.run_dir) / CACHE


def evict(folder: Path, bound: int) -> list[CachedFile]:
    """Remove the least recently used files below `folder` until the rest holds at most `bound` bytes.

    Links are not followed: a link is a small file of its own, and what it points at stays.

    :return: what was removed, oldest first.
    """
    files = sorted(_files(folder), key=lambda file: file.used_at)
    held = sum(file.size for file in files)
    removed = []
    for file in files:
        if held <= bound:
            break
        file.path.unlink(missing_ok=True)
        held -= file.size
        removed.append(file)
    return removed


def _files(folder: Path) -> Iterator[CachedFile]:
    for path in folder.iterdir():
        try:
            status = path.lstat()
        except FileNotFoundError:  # another process on a shared cache has removed it
            continue
        if stat.S_ISDIR(status.st_mode):
            yield from _files(path)
        else:
            yield CachedFile(path, status.st_size, max(status.st_atime, status.st_mtime))


cache = CachePolicy()
