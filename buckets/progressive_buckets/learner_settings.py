"""The settings of the learner that the four buckets share; each may have a value for each bucket."""

from __future__ import annotations

from typing import Any

from progressive_training import Number, OneOf, OrNull, Reason, Setting, Switch, Whole

# fmt: off
THREADS = Setting(
    "THREADS", 1, Whole(1, 1_024),
    "processor threads to train with; more than one pays on idle cores only, and changes the last digits")
PRECISION = Setting(
    "PRECISION", "auto", OneOf(("auto", "fp32", "bf16")),
    "what training computes in; auto takes bf16 where the processor or GPU is made for it", per_bucket=True, example="fp32")
ADAPTIVE_EXPLORATION = Setting(
    "ADAPTIVE_EXPLORATION", True, Switch(),
    "explore more where the market is unfamiliar or learning stalls", per_bucket=True, example=False)
PRIORITISED_REPLAY = Setting(
    "PRIORITISED_REPLAY", True, Switch(), "replay surprising experience more often", per_bucket=True, example=False)
POST_TRADE_LESSONS = Setting(
    "POST_TRADE_LESSONS", True, Switch(), "draw a lesson from every completed trade", per_bucket=True, example=False)
CONTEXTUAL_MEMORY = Setting(
    "CONTEXTUAL_MEMORY", True, Switch(), "recall what followed similar market situations", per_bucket=True, example=False)
EPISODE_BARS = Setting(
    "EPISODE_BARS", 128, Whole(8, 100_000), "bars that each of the parallel episodes walks", per_bucket=True)
UPDATES_PER_EPISODE = Setting(
    "UPDATES_PER_EPISODE", 20, Whole(1, 100_000), "training steps after each episode", per_bucket=True)
REPLAY_CAPACITY = Setting(
    "REPLAY_CAPACITY", 100_000, Whole(1, 100_000_000),
    "bars that replay remembers", "later buckets", Reason.STATE, per_bucket=True)
LEARNING_RATE = Setting(
    "LEARNING_RATE", 1e-3, Number(0, 1, low_excluded=True), "step size of the optimiser", per_bucket=True)
EXPLORATION: Setting[float | None] = Setting(
    "EXPLORATION", None, OrNull(Number(0, 1), "each bucket's own"),
    "share of exploring actions at the start", per_bucket=True, example=0.1)
DISCOUNT: Setting[float | None] = Setting(
    "DISCOUNT", None, OrNull(Number(0, 1), "each bucket's own"),
    "what the gain of one bar later counts for", per_bucket=True, example=0.99)
RELUCTANCE: Setting[float | None] = Setting(
    "RELUCTANCE", None, OrNull(Number(0, 10), "each bucket's own"),
    "by which share a trade counts as dearer in learning than it is", per_bucket=True, example=0.5)
HOLDING = Setting(
    "HOLDING", 0.005, Number(0, 1),
    "what a bar in a position costs in learning only, as a share of the deviation of one bar's return", per_bucket=True)
WIDTH: Setting[int | None] = Setting(
    "WIDTH", None, OrNull(Whole(8, 4_096), "each bucket's own"),
    "units in each layer of the network", "later buckets", Reason.NETWORK, per_bucket=True, example=128)
MEMBERS: Setting[int | None] = Setting(
    "MEMBERS", None, OrNull(Whole(1, 64), "each bucket's own"),
    "networks that vote", "later buckets", Reason.NETWORK, per_bucket=True, example=3)
DROPOUT = Setting(
    "DROPOUT", 0.3, Number(0, 0.9), "share of the units that each training step leaves out", per_bucket=True)
WEIGHT_DECAY = Setting(
    "WEIGHT_DECAY", 1.0, Number(0, 100), "by how much the optimiser pulls weights to 0", per_bucket=True)
TRACKING = Setting(
    "TRACKING", 0.05, Number(0, 1, low_excluded=True),
    "share by which the target network follows the online one at each step", per_bucket=True)
AUXILIARY_WEIGHT = Setting(
    "AUXILIARY_WEIGHT", 0.1, Number(0, 100), "weight of the horizon predictions in the loss", per_bucket=True)
TRACE = Setting(
    "TRACE", 0.5, Number(0, 1), "lambda of the value targets", per_bucket=True)
LOOKAHEAD = Setting(
    "LOOKAHEAD", 1, Whole(1, 64), "bars ahead that the value targets look", per_bucket=True)
CHOOSE = Setting(
    "CHOOSE", "validation", OneOf(("validation", "fixed")),
    "the model to keep: the best on validation, or the one after the last of EPISODES, whatever it scores", "later buckets",
    Reason.STATE, per_bucket=True, example="fixed")
REWARD = Setting(
    "REWARD", "plain", OneOf(("plain", "volatility")),
    "what a bar's gain counts for in learning: as it is, or by the volatility known at that bar", "later buckets",
    Reason.STATE, per_bucket=True, example="volatility")
# fmt: on
LEARNER_SETTINGS: tuple[Setting[Any], ...] = (
    THREADS,
    PRECISION,
    ADAPTIVE_EXPLORATION,
    PRIORITISED_REPLAY,
    POST_TRADE_LESSONS,
    CONTEXTUAL_MEMORY,
    EPISODE_BARS,
    UPDATES_PER_EPISODE,
    REPLAY_CAPACITY,
    LEARNING_RATE,
    EXPLORATION,
    DISCOUNT,
    RELUCTANCE,
    HOLDING,
    WIDTH,
    MEMBERS,
    DROPOUT,
    WEIGHT_DECAY,
    TRACKING,
    AUXILIARY_WEIGHT,
    TRACE,
    LOOKAHEAD,
    CHOOSE,
    REWARD,
)  # fmt: skip
