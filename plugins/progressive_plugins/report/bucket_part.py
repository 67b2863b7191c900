"""How a bucket did: the verdict on it, its performance, how it learned, and which features it uses."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen

from progressive_plugins.report.naturalistic_part import naturalistic_part
from progressive_plugins.report.report_records import (
    AccountPart,
    BucketPart,
    FeatureShare,
    Learning,
    Rows,
    VerdictPart,
)
from progressive_plugins.report.thinning import thinned
from progressive_training import BucketResult, Edge, Evaluation, PerformanceKind, read_card, validated
from progressive_training.market import SHOWN_T
from progressive_training.presentation import in_use, percent, performance_values, profit_text, summary

MOST_EPISODES = 1_000
FINDINGS = {
    Edge.CONFIRMED: "An edge is confirmed",
    Edge.IMPLAUSIBLE: "The result is too good to be honest",
    Edge.NONE: "No edge is shown",
}


def bucket_part(
    result: BucketResult, episodes: Sequence[Mapping[str, Any]], account: AccountPart | None, *, scratch_arm: bool
) -> BucketPart:
    """A finished bucket.

    :param episodes: its lines of the metrics.
    """
    card = validated(read_card(result.model_path), _Card, "card")
    judged = result.evaluation
    return BucketPart(
        name=result.bucket,
        model_path=str(result.model_path.absolute()),
        horizons=tuple(sorted(int(horizon) for horizon in card.knowledge.horizons if horizon.isdecimal())),
        episodes=result.episodes,
        best_episode=result.best_episode,
        stopped=result.stopped,
        seconds=result.seconds,
        scratch_arm=scratch_arm,
        verdict=None if judged is None else _verdict(judged),
        performance={} if judged is None else _rows(judged),
        regimes=() if judged is None else _regimes(judged),
        learning=_learning(episodes, result.best_episode),
        account=account,
        features=_features(card),
        feature_agreement=card.importance.agreement if card.importance else None,
        naturalistic=naturalistic_part(episodes, card.recall_weight),
    )


@frozen(kw_only=True)
class _Importance:
    screened: dict[str, float]
    permuted: dict[str, float]
    agreement: float


@frozen(kw_only=True)
class _Taught:
    feature_importance: dict[str, float] = field(factory=dict)
    horizons: dict[str, float] = field(factory=dict)


@frozen(kw_only=True)
class _Card:
    """What is shown of a model's card; that of a stranger's bucket has less."""

    knowledge: _Taught = field(factory=_Taught)
    importance: _Importance | None = None
    recall_weight: float = math.nan


@frozen(kw_only=True)
class _Episode:
    """What is shown of an episode."""

    episode: int
    score: float
    best_score: float
    loss: float = math.nan
    exploration: float = math.nan
    exploration_cause: str = ""
    seconds: float = math.nan
    start_score: float | None = None


def _verdict(judged: Evaluation) -> VerdictPart:
    has_t = math.isfinite(judged.test_t) or math.isfinite(judged.validation_t)
    return VerdictPart(
        edge=str(judged.edge),
        summary=summary(judged),
        sentence=_sentence(judged),
        reason=judged.verdict,
        t=judged.t if has_t else None,
        validation_t=judged.validation_t,
        test_t=judged.test_t,
        needed_t=SHOWN_T if has_t else None,
        in_use=in_use(judged).partition(":")[0],
        trades=judged.trades,
        warnings=judged.warnings,
        carriers=judged.carriers,
    )


def _rows(judged: Evaluation) -> dict[str, Rows]:
    return {
        "validation": tuple(map(performance_values, judged.validation)),
        "test": tuple(map(performance_values, judged.test)),
    }


def _regimes(judged: Evaluation) -> Rows:
    """Regime by regime; a model with an edge as a whole trades in all of them."""
    whole = judged.trades == "everywhere"
    traded = set() if whole else set(map(int, re.findall("[0-9]+", judged.trades)))
    return tuple(
        {
            "name": f"regime {number}",
            "edge": str(each.edge),
            "reason": each.verdict,
            "t": each.t,
            "validation_t": each.validation_t,
            "test_t": each.test_t,
            "trades": whole or number in traded,
            "performance": _rows(each),
        }
        for number, each in enumerate(judged.regimes, 1)
    )


def _sentence(judged: Evaluation) -> str:
    """What was found, what its strategy earned, and what follows for use."""
    parts = [
        f"{profit_text(row.log_return)} on {name}"
        for name, rows in (("validation", judged.validation), ("test", judged.test))
        for row in rows[:1]
        if row.kind is PerformanceKind.MODEL
    ]
    earned = f": after costs its strategy made {' and '.join(parts)}" if parts else ""
    found = FINDINGS[judged.edge] if judged.test else "It is a trial, which gets no verdict"
    if judged.edge is Edge.CONFIRMED and judged.trades != "everywhere":
        found = f"{found} {judged.trades}"
    return f"{found}{earned}; in use it {in_use(judged).partition(':')[0]}."


def _learning(lines: Sequence[Mapping[str, Any]], best_episode: int) -> Learning | None:
    episodes = [validated(dict(line), _Episode, "metrics.jsonl") for line in lines]
    if not episodes:
        return None
    shown = thinned(episodes, MOST_EPISODES, [each.episode == best_episode for each in episodes])
    return Learning(
        episodes=tuple(each.episode for each in shown),
        score=tuple(percent(each.score) for each in shown),
        best=tuple(percent(each.best_score) for each in shown),
        start_score=None if episodes[0].start_score is None else percent(episodes[0].start_score),
        loss=tuple(each.loss for each in shown),
        exploration=tuple(each.exploration for each in shown),
        exploration_cause=tuple(each.exploration_cause for each in shown),
        seconds=tuple(each.seconds for each in shown),
    )


def _features(card: _Card) -> tuple[FeatureShare, ...]:
    """The features by importance, the most important first."""
    combined, measured = card.knowledge.feature_importance, card.importance
    screened, permuted = (measured.screened, measured.permuted) if measured else ({}, {})
    names = dict.fromkeys([*combined, *screened, *permuted])
    shares = (
        FeatureShare(name=name, screened=screened.get(name), permuted=permuted.get(name), combined=combined.get(name))
        for name in names
    )
    return tuple(sorted(shares, key=lambda share: -(share.combined or 0.0)))
