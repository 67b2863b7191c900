"""The policies: memory, cache and early stopping, asked as the core asks them."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from progressive_plugins import early_stopping
from progressive_plugins import memory_policy as memory_module
from progressive_plugins.cache import CachePolicy, evict
from progressive_plugins.memory_policy import SMALLEST_BATCH, MemoryPolicy, shrink
from progressive_training import Memory, Resources, StopRequest, read_memory
from progressive_training.presentation import bytes_text, profit_text, time_text, utc_text

GB = 1_000_000_000


@pytest.fixture
def eight_gb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_module, "read_memory", lambda device: Memory(1 * GB, 8 * GB, "cgroup"))


def test_the_limit_is_the_threshold_s_share_of_this_machine(run: Any) -> None:
    resources = MemoryPolicy().on_bucket_start(run.bucket(), run.resources(memory_limit=None))
    assert resources is not None
    assert resources.memory_limit == int(0.85 * read_memory("cpu").total)
    assert (resources.parallel_episodes, resources.batch_size) == (64, 512)


@pytest.mark.usefixtures("eight_gb")
def test_a_bucket_that_does_not_fit_is_made_smaller_and_the_user_is_told_why(run: Any) -> None:
    asked = run.resources(memory_limit=None, memory_needed=20 * GB)
    with capture_logs() as logs:
        fitting = MemoryPolicy().on_bucket_start(run.bucket(), asked)
    assert fitting == evolve(
        asked, parallel_episodes=16, batch_size=128, memory_needed=5 * GB, memory_limit=int(6.8 * GB)
    )
    (warning,) = [entry for entry in logs if entry["log_level"] == "warning"]
    assert warning["parallel_episodes"] == "64 -> 16"
    assert warning["batch_size"] == "512 -> 128"
    assert warning["reason"] == "1 GB in use and 20 GB needed, of 6.8 GB allowed (85 % of 8 GB, by cgroup)"


@pytest.mark.usefixtures("eight_gb")
def test_what_cannot_fit_is_tried_at_the_smallest_sizes_with_a_warning(run: Any) -> None:
    with capture_logs() as logs:
        least = MemoryPolicy().on_bucket_start(run.bucket(), run.resources(memory_needed=10**15))
    assert least is not None
    assert (least.parallel_episodes, least.batch_size) == (1, SMALLEST_BATCH)
    assert any("may not be enough" in entry["event"] for entry in logs)


@pytest.mark.usefixtures("eight_gb")
def test_a_market_too_large_for_memory_is_not_said_to_fit(run: Any) -> None:
    asked = run.resources(memory_limit=None, memory_needed=10 * GB, memory_fixed=9 * GB)
    with capture_logs() as logs:
        least = MemoryPolicy().on_bucket_start(run.bucket(), asked)
    assert least is not None
    assert 9 * GB <= least.memory_needed < 9.1 * GB
    warning = logs[-1]
    assert warning["event"].startswith("memory may not be enough even at the smallest sizes")
    assert (warning["needed"], warning["free"]) == ("9.02 GB, 9 GB of it whatever the sizes", "5.8 GB")


@pytest.mark.usefixtures("eight_gb")
def test_sizes_shrink_until_what_stays_and_what_shrinks_fit_together(run: Any) -> None:
    asked = run.resources(memory_limit=None, memory_needed=9 * GB, memory_fixed=5 * GB)
    fitting = MemoryPolicy().on_bucket_start(run.bucket(), asked)
    assert fitting is not None
    assert (fitting.parallel_episodes, fitting.batch_size, fitting.memory_needed) == (8, 64, int(5.5 * GB))


@pytest.mark.usefixtures("eight_gb")
def test_a_tighter_limit_of_another_policy_stands(run: Any) -> None:
    resources = MemoryPolicy().on_bucket_start(run.bucket(), run.resources(memory_limit=2 * GB))
    assert resources is not None
    assert resources.memory_limit == 2 * GB


def test_unknown_memory_is_no_limit(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_module, "read_memory", lambda device: Memory(1, 0, "rss"))
    assert MemoryPolicy().on_bucket_start(run.bucket(), run.resources()) is None


@given(
    parallel=st.integers(1, 4096),
    batch=st.integers(1, 65536),
    needed=st.integers(0, 10**13),
    fixed=st.integers(0, 10**13),
    used=st.integers(0, 10**11),
    limit=st.integers(0, 10**11),
)
def test_shrinking_ends_below_the_limit_or_at_the_floor(
    parallel: int, batch: int, needed: int, fixed: int, used: int, limit: int
) -> None:
    asked = Resources(
        device="cpu",
        parallel_episodes=parallel,
        batch_size=batch,
        memory_needed=needed,
        memory_fixed=fixed,
        memory_limit=limit,
    )
    got = shrink(asked, used)
    floor = (1, min(batch, SMALLEST_BATCH))
    assert used + got.memory_needed <= limit or (got.parallel_episodes, got.batch_size) == floor
    assert 1 <= got.parallel_episodes <= parallel
    assert min(batch, SMALLEST_BATCH) <= got.batch_size <= batch
    assert min(fixed, needed) <= got.memory_needed <= needed


def test_cleanup_tells_memory_before_and_after(run: Any) -> None:
    with capture_logs() as logs:
        MemoryPolicy().cleanup(run.bucket())
    (entry,) = logs
    assert entry["event"] == "memory released"
    assert entry["before"].endswith("B")
    assert entry["after"].endswith("B")


def file_of(path: Path, size: int, used_at: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    os.utime(path, (used_at, used_at))
    return path


def test_the_cache_is_the_run_s_and_bounded(run: Any) -> None:
    resources = CachePolicy().on_bucket_start(run.bucket(), run.resources())
    assert resources is not None
    assert (resources.cache_dir, resources.cache_bytes) == (run.run_dir / "cache", 512 << 20)


def test_no_cache_where_none_is_wanted(run: Any) -> None:
    settings = {**run.bucket().settings, "CACHE_MB": 0}
    assert CachePolicy().on_bucket_start(run.bucket(settings=settings), run.resources()) is None


def test_least_recently_used_files_go_first_and_only_beyond_the_bound(run: Any) -> None:
    folder = run.run_dir / "cache"
    old, middle, new = (
        file_of(folder / name, 600_000, at) for at, name in enumerate(("z-old", "sub/middle", "a-new"), start=1_000)
    )
    settings = {**run.bucket().settings, "CACHE_MB": 1}
    CachePolicy().cleanup(run.bucket(settings=settings))
    assert [path.exists() for path in (old, middle, new)] == [False, False, True]
    CachePolicy().cleanup(run.bucket(settings=settings))
    assert new.exists()


def test_links_are_not_followed(tmp_path: Path) -> None:
    outside = file_of(tmp_path / "outside" / "precious", 1_000, 1)
    folder = tmp_path / "cache"
    file_of(folder / "data", 1_000, 2)
    (folder / "link").symlink_to(outside)
    (folder / "folder").symlink_to(outside.parent)
    evict(folder, 0)
    assert outside.exists()
    assert list(folder.iterdir()) == []


def test_a_named_cache_is_shared_and_stays_and_nothing_else_there_is_touched(run: Any, tmp_path: Path) -> None:
    named = tmp_path / "shared"
    settings = {**run.bucket().settings, "CACHE_MB": 1, "CACHE_DIR": str(named)}
    policy, precious = CachePolicy(), file_of(named / "precious", 5_000_000, 1)
    resources = policy.on_bucket_start(run.bucket(settings=settings), run.resources())
    assert resources is not None and resources.cache_dir == named / "progressive-training"
    old, new = (file_of(resources.cache_dir / name, 600_000, at) for at, name in enumerate(("old", "new"), start=1_000))
    policy.cleanup(run.bucket(settings=settings))
    policy.on_run_end(evolve(run.info(), settings=settings), None)
    assert (precious.exists(), old.exists(), new.exists()) == (True, False, True)


def test_scratch_arms_share_the_cache_of_the_run_around_theirs(run: Any) -> None:
    arm = run.bucket("Short", run_dir=run.run_dir / "scratch", scratch_arm=True)
    assert CachePolicy().on_bucket_start(arm, run.resources()).cache_dir == run.run_dir / "cache"


def test_the_cache_goes_when_the_run_ends_and_stays_after_an_error(run: Any) -> None:
    outside = file_of(run.run_dir / "outside" / "precious", 10, 1)
    kept = file_of(run.run_dir / "cache" / "data", 10, 1)
    (run.run_dir / "cache" / "link").symlink_to(outside.parent)
    policy = CachePolicy()
    policy.cleanup(run.finished("Long"))
    policy.on_run_end(run.info(), KeyboardInterrupt())
    assert kept.exists()
    policy.on_run_end(run.info(), None)
    assert not (run.run_dir / "cache").exists()
    assert outside.exists()


def test_a_cache_that_is_a_link_is_left_alone(run: Any, tmp_path: Path) -> None:
    outside = file_of(tmp_path / "elsewhere" / "data", 10, 1)
    (run.run_dir / "cache").symlink_to(outside.parent)
    CachePolicy().cleanup(run.finished("Long"))
    CachePolicy().on_run_end(run.info(), None)
    assert outside.exists()


def test_patience_counts_from_the_best_episode(run: Any) -> None:
    bucket = run.bucket()
    waiting = run.episode(31, best_episode=20)
    assert early_stopping.on_episode_end(bucket, waiting) is None
    enough = run.episode(32, best_episode=20)
    assert early_stopping.on_episode_end(bucket, enough) == StopRequest(reason="no better score for 12 episodes")


def test_numbers_as_people_read_them() -> None:
    assert [bytes_text(count) for count in (0, 999, 1_210_000_000, 85_000_000)] == ["0 B", "999 B", "1.21 GB", "85 MB"]
    assert [time_text(seconds) for seconds in (-1, 7.4, 750, 10_920)] == ["0:00", "0:07", "12:30", "3:02:00"]
    scores = (0.0, 0.0004, -0.105, 0.7, 2.39, 2.4, 4.93, 8.0, 60.0, float("nan"), float("-inf"), None)
    assert [profit_text(score) for score in scores] == [
        "0.0 %", "0.0 %", "-10.0 %", "+101.4 %", "+991.3 %", "+1,000 %", "+13,700 %", "+298,000 %", "+1.1e+28 %", "n/a",
        "n/a", "n/a",
    ]  # fmt: skip
    moments = (
        "2024-05-01T12:00:00Z",
        "2024-05-01T14:00:30+02:00",
        "2024-05-01",
        datetime(2024, 5, 1, tzinfo=UTC),
        "soon",
    )
    assert [utc_text(moment) for moment in moments] == [
        "2024-05-01 12:00 UTC", "2024-05-01 12:00:30 UTC", "2024-05-01 00:00 UTC", "2024-05-01 00:00 UTC", "soon",
    ]  # fmt: skip
