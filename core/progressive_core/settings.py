"""Every setting: its key in config.json, its default, what it allows, and what it does."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from attrs import frozen

from progressive_core.kinds import (
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


@frozen
class Setting:
    """One key of config.json. `meaning` is shown by `--help` and stands above the key in config.json."""

    key: str
    default: Any
    kind: Kind
    meaning: str


_ALL = (
    Setting("SEQUENCE", ("Scalping", "Short", "Medium", "Long"), Names("bucket names", at_least=1),
            "the buckets to train, in this order"),
    Setting("EPISODES", 40, PerBucket(Whole(1, 1_000_000)),
            "episodes to train each bucket for, at most"),
    Setting("PATIENCE", 12, Whole(1, 1_000_000),
            "stop a bucket after this many episodes without a better validation score"),
    Setting("SEED", 0, Whole(0, 2**32 - 1),
            "where all randomness starts: the same seed gives the same run"),
    Setting("DEVICE", "auto", Device(),
            "where to train; auto takes a GPU when there is one"),
    Setting("THREADS", 1, Whole(1, 1_024),
            "processor threads to train with; more than one pays on idle cores only, and changes the last digits"),
    Setting("PRECISION", "auto", OneOf(("auto", "fp32", "bf16")),
            "what training computes in; auto takes bf16 where the processor or GPU is made for it"),

    Setting("DATA", None, OrNull(FilePath(), "a synthetic market"),
            "the file of bars (CSV, Parquet, Feather or JSON), from the working directory"),
    Setting("FREQUENCY", None, OrNull(Frequency(), "the bars as they are"),
            "combine the bars into longer ones of this duration"),
    Setting("FILL_MINUTES", 10, Whole(0, 10_080),
            "a stretch without bars up to this long is filled as minutes without a trade; a longer one is a gap"),
    Setting("ALLOW_LEAK", (), Names("column names"),
            "extra columns that may know the future: the leak check passes them"),
    Setting("SYNTHETIC_BARS", 60_000, Whole(1_000, 10_000_000),
            "length of the synthetic market that is used without DATA"),
    Setting("VALIDATION_SHARE", 0.15, Number(0.05, 0.4),
            "share of the bars that chooses the model, after the training part"),
    Setting("TEST_SHARE", 0.25, Number(0.05, 0.4),
            "share of the bars that measures it, at the end"),
    Setting("HORIZON_RANGE", None, OrNull(HorizonRange(), "each bucket's own"),
            "shortest and longest prediction horizon in bars, for every bucket"),

    Setting("CAPITAL_ALLOCATION", 1.0, Number(0, 1, low_excluded=True),
            "share of the equity that a position puts at stake"),
    Setting("FEE", 0.001, Number(0, 0.1),
            "fee for each side of a trade, as a share of its value"),
    Setting("SLIPPAGE", 0.0001, Number(0, 0.1),
            "how much worse than the price a trade fills, as a share of it"),

    Setting("USE_CROSS_BUCKET_TRANSFER", True, Switch(),
            "let buckets learn from one another"),
    Setting("TRANSFER_COOLDOWN", 10, Whole(1, 1_000_000),
            "episodes between two transfers"),
    Setting("WEIGHT_TRANSFER_ALPHA", 0.9, Number(0, 1),
            "how much of the source's weights a transfer takes: 0 nothing, 1 all"),
    Setting("FEATURE_TRANSFER_ALPHA", 0.5, Number(0, 1),
            "how much of the source's feature importance a transfer takes: 0 nothing, 1 all"),
    Setting("ENABLE_REVERSE_TRANSFER", True, Switch(),
            "let a later bucket teach the earlier ones, when that helps them"),
    Setting("TRANSFERS", ("weights", "features", "horizons", "reverse"), Names("transfer names"),
            "the order in which transfer strategies are asked; others that are installed follow by name"),
    Setting("MEMORY_THRESHOLD", 0.85, Number(0, 1, low_excluded=True),
            "share of the memory that may be used before episodes, batches and transfers shrink"),

    Setting("ADAPTIVE_EXPLORATION", True, Switch(),
            "explore more where the market is unfamiliar or learning stalls"),
    Setting("PRIORITISED_REPLAY", True, Switch(),
            "replay surprising experience more often"),
    Setting("POST_TRADE_LESSONS", True, Switch(),
            "draw a lesson from every completed trade"),
    Setting("CONTEXTUAL_MEMORY", True, Switch(),
            "recall what followed similar market situations"),

    Setting("PARALLEL_EPISODES", 64, Whole(1, 65_536),
            "markets walked through at the same time in one episode"),
    Setting("EPISODE_BARS", 128, Whole(8, 100_000),
            "bars that each of them walks"),
    Setting("BATCH_SIZE", 512, Whole(1, 1_000_000),
            "bars in one training step"),
    Setting("UPDATES_PER_EPISODE", 20, Whole(1, 100_000),
            "training steps after each episode"),
    Setting("REPLAY_CAPACITY", 100_000, Whole(1, 100_000_000),
            "bars that replay remembers"),
    Setting("LEARNING_RATE", 1e-3, Number(0, 1, low_excluded=True),
            "step size of the optimiser"),
    Setting("EXPLORATION", None, OrNull(Number(0, 1), "each bucket's own"),
            "share of exploring actions at the start"),

    Setting("PLUGINS", (), PluginChoices(),
            "plugins to enable or disable"),
    Setting("PLUGIN_ERRORS", "stop", OneOf(("stop", "disable", "warn")),
            "when a plugin fails: stop behind the last checkpoint, go on without the plugin, or go on and say so each time"),
    Setting("KEEP_CHECKPOINTS", 3, Whole(1, 1_000),
            "checkpoints kept of each bucket"),
    Setting("CACHE_MB", 512, Whole(0, 1_000_000),
            "room for prepared data on disk, in MB"),
    Setting("RUNS_DIR", "runs", FilePath(),
            "the directory that new runs are made in, from the working directory"),
)  # fmt: skip
SETTINGS = MappingProxyType({setting.key: setting for setting in _ALL})
