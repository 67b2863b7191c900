"""The episode report, with a trace of each naturalistic part (exploration, lessons, recall, replay)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from progressive_buckets.naturalistic.exploration import NAMES
from progressive_buckets.naturalistic.lessons import lessons_trace
from progressive_training import EpisodeReport

if TYPE_CHECKING:
    from progressive_buckets.insight.to_host import Values
    from progressive_buckets.learner.learner import MarketLearner


def report_of(learner: MarketLearner, score: float, seen: dict[str, Values]) -> EpisodeReport:
    """The report of the episode that just ended.

    :param score: net log return on validation. :param seen: the episode's statistics from `to_host`, by group.
    """
    explored, lessons, priorities = seen["exploration"], seen["lessons"], seen["priorities"]
    rates = dict(zip(NAMES, explored["rates"].tolist(), strict=True))
    traces: dict[str, Any] = {"exploration": {"rates": rates, "tried": float(explored["tried"])}}
    if learner.lessons_on:
        traces["lessons"] = lessons_trace(learner.market, lessons)
    if learner.memory_on:
        traces["recalls"] = learner.memory.recall_trace(learner.market, seen["recalls"])
    traces["priorities"] = {name: float(value) for name, value in priorities.items()}
    traces["priorities"]["filled"] = int(priorities["filled"])
    return EpisodeReport(
        episode=learner.progress.episode,
        score=score,
        best_score=learner.progress.best_score,
        best_episode=learner.progress.best_episode,
        loss=float(seen["score"]["loss"]),
        exploration=float(explored["mean"]),
        exploration_cause=learner.exploration.cause(explored),
        transitions=learner.episodes * learner.length,
        trades=int(lessons["count"]),
        traces=traces,
    )
