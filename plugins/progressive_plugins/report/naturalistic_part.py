"""What exploration, lessons and recall did in a training, by the traces of its episodes, in sentences and few numbers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from attrs import frozen

from progressive_plugins.report.report_records import NaturalisticPart
from progressive_plugins.report.thinning import thinned
from progressive_training import InvalidValue, validated
from progressive_training.presentation import percent, profit_text, share_text

T = TypeVar("T")
STEPS = 12


def naturalistic_part(lines: Sequence[Mapping[str, Any]], recall_weight: float) -> NaturalisticPart:
    """What the traces in the `lines` of a bucket's metrics show.

    :param recall_weight: of recall in the saved model, NaN where its card has none.
    """
    return NaturalisticPart(
        exploration=_exploration(lines), lessons=_lessons(lines), recall=_recall(lines, recall_weight)
    )


@frozen(kw_only=True)
class _Explored:
    episode: int
    exploration: float
    exploration_cause: str


@frozen(kw_only=True)
class _Rates:
    rates: dict[str, float]


@frozen(kw_only=True)
class _Lesson:
    side: str
    entry_time: str
    exit_time: str
    bars_held: int
    net: float
    expected: float
    cause: str
    conclusion: str


@frozen(kw_only=True)
class _Lessons:
    count: int
    won: float = 0.0
    mean_net: float = 0.0
    mean_expected: float = 0.0
    shown: tuple[_Lesson, ...] = ()


@frozen(kw_only=True)
class _Recalled:
    time: str
    recalls: str
    similarity: float
    long: float
    short: float


@frozen(kw_only=True)
class _Recall:
    situations: int
    weight: float
    shown: tuple[_Recalled, ...] = ()


def _traces(lines: Iterable[Mapping[str, Any]], name: str, kind: type[T]) -> list[T]:
    """The traces of that name which are of that kind; a bucket of one's own may trace anything."""
    found = []
    for line in lines:
        traces = line.get("traces")
        try:
            found.append(validated(traces[name] if isinstance(traces, dict) else None, kind))
        except (InvalidValue, KeyError):
            continue
    return found


def _exploration(lines: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    explored = [validated(dict(line), _Explored) for line in lines if line.get("exploration_cause")]
    explored = [each for each in explored if math.isfinite(each.exploration)]
    if not explored:
        return None
    first, last = explored[0], explored[-1]
    rates = _traces(lines[-1:], "exploration", _Rates)
    return {
        "sentence": f"Random actions were {share_text(first.exploration, 1)} of the steps in the first episode and "
        f"{share_text(last.exploration, 1)} in the last ({last.exploration_cause}).",
        "steps": [
            {"episode": each.episode, "rate": each.exploration, "cause": each.exploration_cause}
            for each in thinned(explored, STEPS)
        ],
        "rates": rates[-1].rates if rates else {},
    }


def _lessons(lines: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    traces = _traces(lines, "lessons", _Lessons)
    count = sum(each.count for each in traces)
    if not count:
        return None
    won, net, expected = (
        math.fsum(each.count * getattr(each, name) for each in traces) / count
        for name in ("won", "mean_net", "mean_expected")
    )
    conclusions = Counter(lesson.conclusion for each in traces for lesson in each.shown)
    return {
        "sentence": f"{count:,} explored trades were compared with what their values promised: {share_text(won)} paid, the mean "
        f"one {profit_text(net)} where {profit_text(expected)} was expected. What surprised was replayed more often.",
        "count": count,
        "won": won,
        "mean_profit": percent(net),
        "mean_expected": percent(expected),
        "conclusions": [{"conclusion": text, "count": number} for text, number in conclusions.most_common()],
        "shown": [
            {
                "side": lesson.side,
                "entry_time": lesson.entry_time,
                "exit_time": lesson.exit_time,
                "bars": lesson.bars_held,
                "profit": percent(lesson.net),
                "expected": percent(lesson.expected),
                "cause": lesson.cause,
                "conclusion": lesson.conclusion,
            }
            for lesson in traces[-1].shown
        ],
    }


def _recall(lines: Sequence[Mapping[str, Any]], weight: float) -> Mapping[str, Any] | None:
    traces = _traces(lines, "recalls", _Recall)
    if not traces:
        return None
    last = traces[-1]
    used = last.weight if math.isnan(weight) else weight
    what = (
        "validation chose a weight of 0 for them, so the model does without"
        if used == 0
        else f"what followed them has a weight of {share_text(used)} in the model's decisions"
    )
    return {
        "sentence": f"{last.situations:,} market situations are remembered; {what}.",
        "situations": last.situations,
        "weight": used,
        "shown": [
            {
                "time": each.time,
                "recalls": each.recalls,
                "similarity": each.similarity,
                "long": percent(each.long),
                "short": percent(each.short),
            }
            for each in last.shown
        ],
    }
