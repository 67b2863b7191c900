"""`walk_forward.html`: one file that opens without a network or a script, in the look of a run's report."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from attrs import frozen

from progressive_app.presentation.page.page_parts import content_policy, page_environment, page_style
from progressive_core.contract.profit import percent_text, profit_text
from progressive_studies.walk_forward.walk_tables import (
    FOLD_HEADS,
    FOLD_MEANING,
    RESULT_HEADS,
    RESULT_MEANING,
    SKILL_MEANING,
    findings,
    fold_rows,
    result_row,
    skill_heads,
    skill_rows,
)

_TEMPLATES = Path(__file__).parent / "templates"
WIDTH, HEIGHT = 1000.0, 320.0
"""Of a drawing, in its own units."""
ROOM = 0.05
"""Above the highest and below the lowest line, as a share of what is between them."""
TICKS = (0.01, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 100.0, 1e3, 1e4, 1e6, 1e8, 1e10)
"""Equity, as a multiple of the first, at which a line may be labelled."""
NEAR = 0.08
"""Labels closer than this share of the height would touch."""


@frozen(kw_only=True)
class Line:
    """The equity of one strategy: its `path`, the `place` of its colour, and its profit at the end."""

    strategy: str
    is_model: bool
    place: int
    path: str
    profit: str


@frozen(kw_only=True)
class Stretch:
    """Where a fold's test part lies across the drawing, and whether it would have traded there."""

    number: int
    left: float
    width: float
    traded: bool


@frozen(kw_only=True)
class Drawing:
    """Equity on a logarithmic scale over the test parts; `ticks` are heights with their text."""

    lines: Sequence[Line]
    stretches: Sequence[Stretch]
    ticks: Sequence[tuple[float, str]]


def page_of(document: Mapping[str, Any]) -> str:
    """Return the page of a walk-forward.

    :param document: what `walk_forward.json` holds.
    """
    return (
        page_environment(_TEMPLATES)
        .get_template("walk_forward.html")
        .render(
            document=document,
            style=page_style(),
            policy=content_policy(),
            findings=findings(document),
            together=_together(document),
            buckets=[_bucket(document, bucket) for bucket in document["buckets"]],
            result_heads=RESULT_HEADS,
            result_meaning=RESULT_MEANING,
            fold_heads=FOLD_HEADS,
            fold_meaning=FOLD_MEANING.format(t=document["t_needed"]),
            skill_meaning=SKILL_MEANING,
            width=WIDTH,
            height=HEIGHT,
        )
    )


def _bucket(document: Mapping[str, Any], bucket: Mapping[str, Any]) -> dict[str, Any]:
    traded = [fold["traded"] for fold in bucket["folds"]]
    return {
        "name": bucket["bucket"],
        "edge": bucket["edge"],
        "verdict": bucket["verdict"],
        "drawing": drawing_of(bucket["equity"], document["folds"], traded),
        "results": [result_row(row) for row in bucket["performance"]],
        "folds": fold_rows(document, bucket),
        "skill_heads": skill_heads(bucket),
        "skill": skill_rows(bucket),
    }


def _together(document: Mapping[str, Any]) -> dict[str, Any] | None:
    told = document["together"]
    if told is None:
        return None
    every = [True] * len(document["folds"])
    return {
        "drawing": drawing_of(told["equity"], document["folds"], every),
        "results": [result_row(row) for row in told["performance"]],
    }


def drawing_of(equity: Mapping[str, Any], folds: Sequence[Mapping[str, Any]], traded: Sequence[bool]) -> Drawing:
    """The drawing of `equity` (times and strategies, as the document has them) over the `folds`."""
    begin, end = _seconds(folds[0]["test_from"]), _seconds(folds[-1]["until"])
    across = [WIDTH * (_seconds(time) - begin) / (end - begin) for time in equity["time"]]
    values = [value for each in equity["strategies"] for value in each["log_equity"] if math.isfinite(value)]
    low, high = min([0.0, *values]), max([0.0, *values])
    room = (high - low) * ROOM or ROOM
    low, high = low - room, high + room

    def down(value: float) -> float:
        return round(float(HEIGHT * (high - value) / (high - low)), 1)

    lines = [
        Line(
            strategy=each["strategy"],
            is_model=each["kind"] == "model",
            place=place % 8,
            path="M" + "L".join(f"{x:.1f} {down(y)}" for x, y in zip(across, each["log_equity"], strict=True)),
            profit=profit_text(each["log_equity"][-1]),
        )
        for place, each in enumerate(equity["strategies"])
    ]
    borders = [*(_seconds(fold["test_from"]) for fold in folds), end]
    places = [WIDTH * (border - begin) / (end - begin) for border in borders]
    stretches = [
        Stretch(number=number, left=round(left, 1), width=round(right - left, 1), traded=was)
        for number, ((left, right), was) in enumerate(zip(pairwise(places), traded, strict=True), 1)
    ]
    ticks: list[tuple[float, str]] = []
    for multiple in sorted(TICKS, key=lambda each: abs(math.log(each))):
        height = down(math.log(multiple))
        if 0 < height < HEIGHT and all(abs(height - other) > NEAR * HEIGHT for other, _ in ticks):
            ticks.append((height, percent_text(100 * (multiple - 1))))
    return Drawing(lines=lines, stretches=stretches, ticks=ticks)


def _seconds(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()
