"""The settings of a bucket that stable-baselines3 trains; each may have a value for each bucket."""

from __future__ import annotations

from typing import Any

from progressive_training import Number, OrNull, Reason, Setting, Whole

# fmt: off
SB3_STEPS = Setting(
    "SB3_STEPS", 32_768, Whole(64, 100_000_000),
    "bars that all walks of stable-baselines3 together see in one episode", per_bucket=True, example=65_536)
SB3_LEARNING_RATE: Setting[float | None] = Setting(
    "SB3_LEARNING_RATE", None, OrNull(Number(0, 1, low_excluded=True), "each algorithm's own"),
    "step size of the optimiser of stable-baselines3", per_bucket=True, example=0.001)
SB3_DISCOUNT: Setting[float | None] = Setting(
    "SB3_DISCOUNT", None, OrNull(Number(0, 1), "by the bucket's horizons"),
    "what the gain of one bar later counts for in stable-baselines3", per_bucket=True, example=0.95)
SB3_REPLAY = Setting(
    "SB3_REPLAY", 200_000, Whole(64, 100_000_000),
    "bars that the replay of DQN remembers", "later buckets", Reason.STATE, per_bucket=True)
# fmt: on
SB3_SETTINGS: tuple[Setting[Any], ...] = (SB3_STEPS, SB3_LEARNING_RATE, SB3_DISCOUNT, SB3_REPLAY)
