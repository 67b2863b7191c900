"""The settings that the core reads."""

from __future__ import annotations

from typing import Any

from progressive_core.contract.kinds import HorizonRange, OrNull, Switch, Whole
from progressive_core.contract.setting import Reason, Setting

# fmt: off
EPISODES = Setting(
    "EPISODES", 40, Whole(1, 1_000_000), "episodes to train each bucket for, at most", per_bucket=True, example=50)
SEED = Setting(
    "SEED", 0, Whole(0, 2**32 - 1),
    "where all randomness starts: the same seed gives the same run", "never", Reason.DRAWS)
HORIZON_RANGE: Setting[tuple[int, int] | None] = Setting(
    "HORIZON_RANGE", None, OrNull(HorizonRange(), "each bucket's own"),
    "shortest and longest prediction horizon in bars", "later buckets", Reason.HORIZONS, per_bucket=True, example=[1, 72])
PARALLEL_EPISODES = Setting(
    "PARALLEL_EPISODES", 64, Whole(1, 65_536), "markets walked through at the same time in one episode", per_bucket=True)
BATCH_SIZE = Setting("BATCH_SIZE", 512, Whole(1, 1_000_000), "bars in one training step", per_bucket=True)
USE_CROSS_BUCKET_TRANSFER = Setting("USE_CROSS_BUCKET_TRANSFER", True, Switch(), "let buckets learn from one another")
TRANSFER_COOLDOWN = Setting(
    "TRANSFER_COOLDOWN", 10, Whole(1, 1_000_000), "episodes between two transfers", per_bucket=True)
ENABLE_REVERSE_TRANSFER = Setting(
    "ENABLE_REVERSE_TRANSFER", True, Switch(), "let a later bucket teach the earlier ones, when that helps them")
KEEP_CHECKPOINTS = Setting("KEEP_CHECKPOINTS", 3, Whole(1, 1_000), "checkpoints kept of each bucket")
CORE_SETTINGS: tuple[Setting[Any], ...] = (
    EPISODES, SEED, HORIZON_RANGE, PARALLEL_EPISODES, BATCH_SIZE, USE_CROSS_BUCKET_TRANSFER, TRANSFER_COOLDOWN,
    ENABLE_REVERSE_TRANSFER, KEEP_CHECKPOINTS)
# fmt: on
