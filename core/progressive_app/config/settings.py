"""Every setting: its key in config.json, its default, what it allows, and what it does."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Literal

from attrs import frozen

from progressive_core.contract.kinds import (
    Device,
    FilePath,
    Frequency,
    HorizonRange,
    Kind,
    Names,
    Number,
    OneOf,
    OrNull,
    PerBucket,
    PluginChoices,
    Switch,
    Whole,
)

When = Literal["any time", "later buckets", "never"]
"""When a setting may change in a run that has begun: at any checkpoint; for buckets that have not begun; or not at all."""
BARS = "its buckets learn from these bars and are measured on them"
_COSTS = "its buckets learn at these costs and are measured at them"
_DRAWS = "all that was drawn so far was drawn from it"
_ORDER = "the buckets that have begun stay, in front and in their order"
_HORIZONS = "a bucket that has begun keeps its horizons"
_STATE = "the bucket in training has its state by it"


@frozen
class Setting:
    """One key of config.json. `meaning` is shown by `--help` and stands above the key in config.json.

    `may_change` says when it may change in a run that has begun, `because` why not earlier.
    """

    key: str
    default: Any
    kind: Kind
    meaning: str
    may_change: When
    because: str = ""


_ALL = (
    Setting("SEQUENCE", ("Scalping", "Short", "Medium", "Long"), Names("bucket names", at_least=1),
            "the buckets to train, in this order", "later buckets", _ORDER),
    Setting("EPISODES", 40, PerBucket(Whole(1, 1_000_000), "50"),
            "episodes to train each bucket for, at most", "any time"),
    Setting("PATIENCE", 12, Whole(1, 1_000_000),
            "stop a bucket after this many episodes without a better validation score", "any time"),
    Setting("SEED", 0, Whole(0, 2**32 - 1),
            "where all randomness starts: the same seed gives the same run", "never", _DRAWS),
    Setting("DEVICE", "auto", Device(),
            "where to train; auto takes a GPU when there is one", "later buckets", _STATE),
    Setting("THREADS", 1, Whole(1, 1_024),
            "processor threads to train with; more than one pays on idle cores only, and changes the last digits", "any time"),
    Setting("PRECISION", "auto", OneOf(("auto", "fp32", "bf16")),
            "what training computes in; auto takes bf16 where the processor or GPU is made for it", "any time"),

    Setting("DATA", None, OrNull(FilePath(), "a synthetic market"),
            "the file of bars (CSV, Parquet, Feather or JSON), from the working directory", "never", BARS),
    Setting("FREQUENCY", None, OrNull(Frequency(), "the bars as they are"),
            "combine the bars into longer ones of this duration", "never", BARS),
    Setting("FILL_MINUTES", 10, Whole(0, 10_080),
            "a stretch without bars up to this long is filled as minutes without a trade; a longer one is a gap", "never", BARS),
    Setting("ALLOW_LEAK", (), Names("column names"),
            "extra columns that may know the future: the leak check passes them", "never", BARS),
    Setting("SYNTHETIC_BARS", 60_000, Whole(1_000, 10_000_000),
            "length of the synthetic market that is used without DATA", "never", BARS),
    Setting("VALIDATION_SHARE", 0.15, Number(0.05, 0.4),
            "share of the bars that chooses the model, after the training part", "never", BARS),
    Setting("TEST_SHARE", 0.25, Number(0.05, 0.4),
            "share of the bars that measures it, at the end", "never", BARS),
    Setting("HORIZON_RANGE", None, OrNull(PerBucket(HorizonRange(), "[1, 72]"), "each bucket's own"),
            "shortest and longest prediction horizon in bars", "later buckets", _HORIZONS),

    Setting("CAPITAL_ALLOCATION", 1.0, Number(0, 1, low_excluded=True),
            "share of the equity that a position puts at stake", "never", _COSTS),
    Setting("FEE", 0.001, Number(0, 0.1),
            "fee for each side of a trade, as a share of its value", "never", _COSTS),
    Setting("SLIPPAGE", 0.0001, Number(0, 0.1),
            "how much worse than the price a trade fills, as a share of it", "never", _COSTS),

    Setting("USE_CROSS_BUCKET_TRANSFER", True, Switch(),
            "let buckets learn from one another", "any time"),
    Setting("TRANSFER_COOLDOWN", 10, Whole(1, 1_000_000),
            "episodes between two transfers", "any time"),
    Setting("WEIGHT_TRANSFER_ALPHA", 0.9, Number(0, 1),
            "how much of the source's weights a transfer takes: 0 nothing, 1 all", "any time"),
    Setting("FEATURE_TRANSFER_ALPHA", 0.5, Number(0, 1),
            "how much of the source's feature importance a transfer takes: 0 nothing, 1 all", "any time"),
    Setting("ENABLE_REVERSE_TRANSFER", True, Switch(),
            "let a later bucket teach the earlier ones, when that helps them", "any time"),
    Setting("TRANSFERS", ("weights", "features", "horizons", "reverse"), Names("transfer names"),
            "the order in which transfer strategies are asked; others that are installed follow by name", "any time"),
    Setting("MEMORY_THRESHOLD", 0.85, Number(0, 1, low_excluded=True),
            "share of the memory that may be used before episodes, batches and transfers shrink", "any time"),

    Setting("ADAPTIVE_EXPLORATION", True, Switch(),
            "explore more where the market is unfamiliar or learning stalls", "any time"),
    Setting("PRIORITISED_REPLAY", True, Switch(),
            "replay surprising experience more often", "any time"),
    Setting("POST_TRADE_LESSONS", True, Switch(),
            "draw a lesson from every completed trade", "any time"),
    Setting("CONTEXTUAL_MEMORY", True, Switch(),
            "recall what followed similar market situations", "any time"),

    Setting("PARALLEL_EPISODES", 64, Whole(1, 65_536),
            "markets walked through at the same time in one episode", "any time"),
    Setting("EPISODE_BARS", 128, Whole(8, 100_000),
            "bars that each of them walks", "any time"),
    Setting("BATCH_SIZE", 512, Whole(1, 1_000_000),
            "bars in one training step", "any time"),
    Setting("UPDATES_PER_EPISODE", 20, Whole(1, 100_000),
            "training steps after each episode", "any time"),
    Setting("REPLAY_CAPACITY", 100_000, Whole(1, 100_000_000),
            "bars that replay remembers", "later buckets", _STATE),
    Setting("LEARNING_RATE", 1e-3, Number(0, 1, low_excluded=True),
            "step size of the optimiser", "any time"),
    Setting("EXPLORATION", None, OrNull(Number(0, 1), "each bucket's own"),
            "share of exploring actions at the start", "any time"),

    Setting("PLUGINS", (), PluginChoices(),
            "plugins to enable or disable", "any time"),
    Setting("PLUGIN_ERRORS", "stop", OneOf(("stop", "disable", "warn")),
            "when a plugin fails: stop behind the last checkpoint, go on without the plugin, or go on and say so each time", "any time"),
    Setting("KEEP_CHECKPOINTS", 3, Whole(1, 1_000),
            "checkpoints kept of each bucket", "any time"),
    Setting("CACHE_MB", 512, Whole(0, 1_000_000),
            "room for prepared data on disk, in MB", "any time"),
    Setting("RUNS_DIR", "runs", FilePath(),
            "the directory that new runs are made in, from the working directory", "any time"),
)  # fmt: skip
SETTINGS = MappingProxyType({setting.key: setting for setting in _ALL})
