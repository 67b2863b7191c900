"""The pictures of a search: scores by trial, learning curves, scores by value, and paired differences, as places in per cent."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any

from attrs import field, frozen

from progressive_core.contract.profit import profit_text
from progressive_studies.search.search_tables import best_trial, mean_blocks, value_text

Document = Mapping[str, Any]
Point = tuple[float, float]
ROOM = 0.06
"""Beyond the outermost values, as a share of what is between them."""
NEAR = 9.0
"""Labels closer than this, in per cent of the height, would touch."""
DEEPEST = 1.0
"""How far below the last scores learning curves are drawn, as a multiple of what is between those."""


@frozen(kw_only=True)
class Axis:
    """A scale from `low` to `high`; `places` has the labelled values."""

    low: float
    high: float
    labels: Sequence[tuple[float, str]] = ()
    transformed: Callable[[float], float] = field(default=float, repr=False)

    def place(self, value: float) -> float:
        """Where a value stands, in per cent of the length."""
        return round(100 * (self.transformed(value) - self.low) / (self.high - self.low), 2)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Places with their texts."""
        return [(self.place(value), text) for value, text in self.labels]


@frozen(kw_only=True)
class Dot:
    """A mark at a place, with the words that a pointer shows."""

    left: float
    top: float
    kind: str
    words: str


@frozen(kw_only=True)
class Plot:
    """A picture: paths in a square of 100 (class and path), dots above them, and the ticks of both axes."""

    paths: Sequence[tuple[str, str]]
    dots: Sequence[Dot]
    across: Sequence[tuple[float, str]]
    down: Sequence[tuple[float, str]]
    unit: str
    label: str
    remark: str = ""


def trial_plot(bucket: Document) -> Plot:
    """Scores by trial: every trial a dot, the best finished so far as a line, the incumbent's score across."""
    trials = _scored(bucket)
    height = profit_axis(trial["score"] for trial in trials)
    width = whole_axis(0, max((trial["number"] for trial in trials), default=1))
    finished = [trial for trial in trials if trial["status"] == "finished"]
    highest = list(accumulate((trial["score"] for trial in finished), max))
    steps = [(trial["number"], score) for trial, score in zip(finished, highest, strict=True)]
    stairs = [
        corner
        for (_, before), (x, after) in zip(steps[:1] + steps, steps, strict=False)
        for corner in ((x, before), (x, after))
    ]
    if stairs:
        stairs.append((trials[-1]["number"], highest[-1]))
    return Plot(
        paths=[*_level(bucket, width, height), ("best", _path(stairs, width, height))],
        dots=[_dot(bucket, trial, width.place(trial["number"]), height) for trial in trials],
        across=width.ticks,
        down=_down(height),
        unit="trial",
        label=f"{bucket['bucket']}: score by trial; the table of trials holds the same",
    )


def curve_plot(bucket: Document) -> Plot:
    """The best score so far after each episode of each trial, up to where it ended or was pruned."""
    curves = [(trial, _known_steps(trial)) for trial in sorted(_scored(bucket), key=lambda each: _above(bucket, each))]
    curves = [(trial, steps) for trial, steps in curves if steps]
    ends = [steps[-1][1] for _, steps in curves] or [0.0]
    floor = min(ends) - DEEPEST * (max(ends) - min(ends))
    height = profit_axis(max(score, floor) for _, steps in curves for _, score in steps)
    width = whole_axis(1, max((len(trial["steps"]) for trial, _ in curves), default=2))
    dots = [
        Dot(
            left=width.place(steps[-1][0]),
            top=100 - height.place(steps[-1][1]),
            kind="end",
            words=f"trial {trial['number']} was pruned after {len(trial['steps'])} episodes",
        )
        for trial, steps in curves
        if trial["status"] == "pruned"
    ]
    return Plot(
        paths=[(f"curve {_kind(bucket, trial)}", _path(steps, width, height)) for trial, steps in curves],
        dots=dots,
        across=width.ticks,
        down=_down(height),
        unit="episode",
        label=f"{bucket['bucket']}: best score so far by episode, a line for each trial",
    )


def _known_steps(trial: Document) -> list[Point]:
    """The episodes after which a trial had a score, and this."""
    return [(episode, score) for episode, score in enumerate(trial["steps"], 1) if score is not None]


def value_plot(bucket: Document, key: str) -> Plot:
    """Scores by the value of one setting, on the scale that was searched."""
    trials = _scored(bucket)
    axis = span_axis(bucket["space"][key], [trial["values"].get(key) for trial in trials])
    height = profit_axis(trial["score"] for trial in trials)
    dots, outside = [], []
    for trial in sorted(trials, key=lambda trial: _above(bucket, trial)):
        place = axis.of(trial["values"].get(key))
        if place is None:
            outside.append(f"trial {trial['number']} ({value_text(trial['values'].get(key))})")
        else:
            dots.append(_dot(bucket, trial, place, height))
    return Plot(
        paths=_level(bucket, None, height),
        dots=dots,
        across=axis.ticks,
        down=_down(height),
        unit=key,
        label=f"{bucket['bucket']}: score by {key}; the table of trials holds the same",
        remark=f"Not on this scale: {', '.join(outside)}." if outside else "",
    )


def difference_plot(bucket: Document) -> Plot | None:
    """What the choice earned more than the incumbent on the held-back blocks, cumulated: a line a seed, and the mean."""
    if not bucket["fresh"]:
        return None
    lines = [("seed", _cumulated(each["choice"], each["incumbent"])) for each in bucket["fresh"]]
    lines.append(("mean", _cumulated(mean_blocks(bucket, "choice"), mean_blocks(bucket, "incumbent"))))
    height = profit_axis([0.0, *(value for _, line in lines for value in line)])
    width = whole_axis(0, max(1, len(lines[0][1]) - 1))
    zero = height.place(0.0)
    return Plot(
        paths=[
            ("incumbent", f"M0 {100 - zero:.2f}H100"),
            *((kind, _path(list(enumerate(line)), width, height)) for kind, line in lines),
        ],
        dots=[],
        across=width.ticks,
        down=_down(height),
        unit="block",
        label=f"{bucket['bucket']}: differences on the held-back blocks, cumulated; the table holds their sums",
    )


def _cumulated(choice: Sequence[float], incumbent: Sequence[float]) -> list[float]:
    return list(accumulate((new - old for new, old in zip(choice, incumbent, strict=True)), initial=0.0))


@frozen
class ValueAxis:
    """The scale of a setting: `of` says where a value stands, None where it has no place on it."""

    of: Callable[[Any], float | None]
    ticks: Sequence[tuple[float, str]]


def span_axis(span: str, values: Sequence[Any]) -> ValueAxis:
    """The scale of a span like `1e-4..1e-2:log` or `a|b|c`, made wider where values lie outside."""
    if ".." not in span:
        names = list(dict.fromkeys([*span.split("|"), *map(value_text, values)]))
        places = {name: round(100 * (place + 0.5) / len(names), 2) for place, name in enumerate(names)}
        return ValueAxis(lambda value: places.get(value_text(value)), [(place, name) for name, place in places.items()])
    ends, _, kind = span.partition(":")
    is_log = kind == "log"
    scaled = math.log10 if is_log else float
    known = [*map(float, ends.split("..")), *filter(_is_number, values)]
    inside = [scaled(value) for value in known if value > 0 or not is_log]
    low, high = min(inside), max(inside)
    room = ROOM * (high - low) or 0.5
    axis = Axis(low=low - room, high=high + room, transformed=scaled, labels=_labels(low, high, is_log))
    return ValueAxis(
        lambda value: axis.place(value) if _is_number(value) and (value > 0 or not is_log) else None, axis.ticks
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _labels(low: float, high: float, is_log: bool) -> list[tuple[float, str]]:
    if not is_log:
        return [(value, f"{value:g}") for value in _even(low, high, 4)]
    marks = (1,) if high - low >= 2 else (1, 3) if high - low >= 1 else (1, 2, 5)
    powers = range(math.floor(low) - 1, math.ceil(high) + 1)
    values = [mark * 10.0**power for power in powers for mark in marks]
    return [(value, f"{value:g}") for value in values if low - 1e-9 <= math.log10(value) <= high + 1e-9]


def profit_axis(scores: Iterable[float]) -> Axis:
    """A scale of log returns around `scores`, labelled as profit."""
    known = [score for score in scores if score is not None and math.isfinite(score)] or [0.0]
    low, high = min(known), max(known)
    room = ROOM * (high - low) or 0.01
    low, high = low - room, high + room
    percents = _even(100 * math.expm1(low), 100 * math.expm1(high), 5)
    labels = [
        (math.log1p(percent / 100), profit_text(math.log1p(percent / 100))) for percent in percents if percent > -100
    ]
    apart: list[tuple[float, str]] = []
    for value, text in sorted(labels, key=lambda label: abs(label[0])):
        if all(100 * abs(value - other) / (high - low) > NEAR and text != told for other, told in apart):
            apart.append((value, text))
    return Axis(low=low, high=high, labels=apart)


def whole_axis(low: int, high: int) -> Axis:
    """A scale of whole numbers."""
    high = max(high, low + 1)
    room = ROOM / 2 * (high - low)
    numbers = [value for value in _even(low, high, 6) if value == int(value)]
    return Axis(low=low - room, high=high + room, labels=[(value, f"{value:.0f}") for value in numbers])


def _even(low: float, high: float, count: int) -> list[float]:
    """Round values between two, about `count` of them."""
    rough = (high - low) / count or 1.0
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * mark for mark in (1, 2, 5, 10) if unit * mark >= rough * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [round(place * step, 12) + 0.0 for place in range(first, math.floor(high / step + 1e-9) + 1)]


def _scored(bucket: Document) -> list[Document]:
    return [trial for trial in bucket["trials"] if trial["score"] is not None]


def _kind(bucket: Document, trial: Document) -> str:
    """What a trial is drawn as."""
    if trial["number"] == 0:
        return "incumbent"
    return "chosen" if trial is best_trial(bucket) else str(trial["status"])


def _above(bucket: Document, trial: Document) -> int:
    """What is drawn later lies above."""
    return ("pruned", "finished", "chosen", "incumbent").index(_kind(bucket, trial))


def _dot(bucket: Document, trial: Document, left: float, height: Axis) -> Dot:
    named = {"incumbent": ", the incumbent", "chosen": ", the best", "pruned": ", pruned"}
    kind = _kind(bucket, trial)
    words = f"trial {trial['number']}{named.get(kind, '')}: {profit_text(trial['score'])}"
    return Dot(left=left, top=100 - height.place(trial["score"]), kind=kind, words=words)


def _level(bucket: Document, width: Axis | None, height: Axis) -> list[tuple[str, str]]:
    """The incumbent's score, from side to side."""
    return [
        ("incumbent", f"M0 {100 - height.place(trial['score']):.2f}H100")
        for trial in _scored(bucket)
        if trial["number"] == 0
    ]


def _path(points: Sequence[Point], width: Axis, height: Axis) -> str:
    places = [f"{width.place(x):.2f} {100 - height.place(y):.2f}" for x, y in points]
    return "M" + "L".join(places) if places else ""


def _down(height: Axis) -> list[tuple[float, str]]:
    return [(100 - place, text) for place, text in height.ticks]
