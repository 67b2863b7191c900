"""The settings that the core reads."""

from __future__ import annotations

from typing import Any, Literal

from progressive_core.contract.kinds import HorizonRange, Names, OneOf, OrNull, PluginChoices, Switch, Whole
from progressive_core.contract.setting import Reason, Setting

# fmt: off
SEQUENCE: Setting[tuple[str, ...]] = Setting(
    "SEQUENCE", ("Scalping", "Short", "Medium", "Long"), Names("bucket names", at_least=1),
    "the buckets to train, in this order", "later buckets", Reason.ORDER)
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
BATCH_SIZE = Setting(
    "BATCH_SIZE", 512, Whole(1, 1_000_000), "bars in one training step", per_bucket=True)
USE_CROSS_BUCKET_TRANSFER = Setting(
    "USE_CROSS_BUCKET_TRANSFER", True, Switch(), "let buckets learn from one another")
TRANSFER_COOLDOWN = Setting(
    "TRANSFER_COOLDOWN", 10, Whole(1, 1_000_000), "episodes between two transfers", per_bucket=True)
ENABLE_REVERSE_TRANSFER = Setting(
    "ENABLE_REVERSE_TRANSFER", True, Switch(), "let a later bucket teach the earlier ones, when that helps them")
TRANSFERS: Setting[tuple[str, ...]] = Setting(
    "TRANSFERS", ("weights", "features", "horizons", "reverse"), Names("transfer names"),
    "the order in which transfer strategies are asked; others that are installed follow by name")
PLUGINS: Setting[tuple[str, ...]] = Setting(
    "PLUGINS", (), PluginChoices(), "plugins to enable or disable")
PLUGIN_ERRORS: Setting[Literal["stop", "disable", "warn"]] = Setting(
    "PLUGIN_ERRORS", "stop", OneOf[Literal["stop", "disable", "warn"]](("stop", "disable", "warn")),
    "when a plugin fails: stop behind the last checkpoint, go on without the plugin, or go on and log it each time")
KEEP_CHECKPOINTS = Setting(
    "KEEP_CHECKPOINTS", 3, Whole(1, 1_000), "checkpoints kept of each bucket")
# fmt: on
CORE_SETTINGS: tuple[Setting[Any], ...] = (
    SEQUENCE,
    EPISODES,
    SEED,
    HORIZON_RANGE,
    PARALLEL_EPISODES,
    BATCH_SIZE,
    USE_CROSS_BUCKET_TRANSFER,
    TRANSFER_COOLDOWN,
    ENABLE_REVERSE_TRANSFER,
    TRANSFERS,
    PLUGINS,
    PLUGIN_ERRORS,
    KEEP_CHECKPOINTS,
)  # fmt: skip
