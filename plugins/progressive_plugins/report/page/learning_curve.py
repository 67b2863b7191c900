"""The learning curve of a bucket as shapes in a square of 100 by 100, y downwards: the page stretches it to its width."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from attrs import frozen

LOG_FROM = 300.0
"""Per cent from which scores are drawn by the logarithm of the equity."""
ROOM = 0.08
"""Above the highest and below the lowest score, as a share of what is between them."""
SYMBOLS = {
    "kept": "\N{BLACK UP-POINTING TRIANGLE}",
    "failed": "\N{MULTIPLICATION X}",
    "rolled back": "\N{WHITE DOWN-POINTING TRIANGLE}",
}
"""Of a transfer on the curve, by the best that came of an offer."""
MOST_ROWS = 6
"""Of marks above one another."""


@frozen
class Mark:
    """A transfer at `left`, the `row`th there, with its `symbol`, what became of it, and the same in words."""

    left: float
    row: int
    symbol: str
    verdict: str
    words: str


@frozen(kw_only=True)
class Curve:
    """Paths in SVG's language, `ticks` of score (top, per cent), where the best episode stands, transfers, and the episodes'
    range."""

    score: str
    exploration: str
    ticks: tuple[tuple[float, float], ...]
    best: tuple[float, float] | None
    marks: tuple[Mark, ...]
    first: int
    last: int


def learning_curve(bucket: Mapping[str, Any], offers: Iterable[Mapping[str, Any]]) -> Curve | None:
    """The curve of a bucket in the document, None where no episode is known.

    :param offers: all of the run; those to this bucket are marked.
    """
    learning = bucket["learning"]
    if not learning or not learning["episodes"]:
        return None
    episodes, scores = learning["episodes"], learning["score"]
    first, last = episodes[0], episodes[-1]
    known = [0.0, *(score for score in scores if score is not None)]
    low, high = min(known), max(known)
    bent = high > LOG_FROM
    bottom, top = _height(low, bent=bent), _height(high, bent=bent)
    room = (top - bottom) * ROOM or 1.0

    def down(score: float) -> float:
        return round(100 * (top + room - _height(score, bent=bent)) / (top - bottom + 2 * room), 2)

    def along(values: Sequence[float | None], place: Callable[[float], float]) -> list[tuple[float, float] | None]:
        return [
            None if value is None else (_across(episode, first, last), place(value))
            for episode, value in zip(episodes, values, strict=True)
        ]

    rates = learning["exploration"]
    most = max((rate for rate in rates if rate is not None), default=0.0) or 1.0
    points = along(scores, down)
    return Curve(
        score=_path(points),
        exploration=_path(along(rates, lambda rate: round(100 - 90 * rate / most, 2))),
        ticks=_apart([(down(score), score) for score in {0.0, low, high}]),
        best=dict(zip(episodes, points, strict=True)).get(bucket["best_episode"]),
        marks=tuple(_marks(bucket["name"], offers, first, last)),
        first=first,
        last=last,
    )


def _across(episode: int, first: int, last: int) -> float:
    """Where an episode stands, from 0 to 100; one before the first there, as the initial transfers."""
    return round(100 * min(max((episode - first) / max(last - first, 1), 0.0), 1.0), 2)


def _height(score: float, *, bent: bool) -> float:
    return math.log1p(max(score, -99.99) / 100) if bent else score


def _path(points: Sequence[tuple[float, float] | None]) -> str:
    """Straight lines through the points, with a hole where one is missing."""
    words, pen = [], "M"
    for point in points:
        if point is not None:
            words.append(f"{pen}{point[0]} {point[1]}")
        pen = "M" if point is None else "L"
    if len(words) == 1:  # a single point has no length, and no line
        words.append("h1")
    return "".join(words)


def _apart(ticks: list[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """The ticks whose texts do not touch, that of 0 first."""
    kept: list[tuple[float, float]] = []
    for tick in sorted(ticks, key=lambda each: abs(each[1])):
        if all(abs(tick[0] - other[0]) > 9 for other in kept):
            kept.append(tick)
    return tuple(kept)


def _marks(bucket: str, offers: Iterable[Mapping[str, Any]], first: int, last: int) -> Iterable[Mark]:
    there: Counter[int] = Counter()
    for offer in offers:
        verdicts = {each["verdict"] for each in offer["strategies"]}
        verdict = next((each for each in SYMBOLS if each in verdicts), None)
        if offer["target"] != bucket or verdict is None:
            continue
        left = _across(offer["episode"], first, last)
        row = there[round(left)]
        there[round(left)] += 1
        if row < MOST_ROWS:
            words = f"episode {offer['episode']}, from {offer['source']}: {verdict}"
            yield Mark(left, row, SYMBOLS[verdict], verdict.replace(" ", "-"), words)
