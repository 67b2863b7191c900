"""The pictures of a search: scores by trial, learning curves, scores by value, and paired differences, as places in per cent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from attrs import frozen

from progressive_core.contract.profit import profit_text
from progressive_studies.search.page.plot_axes import Axis, profit_axis, span_axis, whole_axis
from progressive_studies.search.search_tables import best_trial, mean_blocks, value_text

Document = Mapping[str, Any]
Point = tuple[float, float]
DEEPEST = 1.0
"""How far below the last scores learning curves are drawn, as a multiple of what is between those."""


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
        paths=[("best", _path(stairs, width, height)), *_level(bucket, height)],
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
            top=height.below(steps[-1][1]),
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
        paths=_level(bucket, height),
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
    return Plot(
        paths=[
            ("incumbent", f"M0 {height.below(0.0):.2f}H100"),
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
    return Dot(left=left, top=height.below(trial["score"]), kind=kind, words=words)


def _level(bucket: Document, height: Axis) -> list[tuple[str, str]]:
    """The incumbent's score, from side to side."""
    return [
        ("incumbent", f"M0 {height.below(trial['score']):.2f}H100") for trial in _scored(bucket) if trial["number"] == 0
    ]


def _path(points: Sequence[Point], width: Axis, height: Axis) -> str:
    places = [f"{width.place(x):.2f} {height.below(y):.2f}" for x, y in points]
    return "M" + "L".join(places) if places else ""


def _down(height: Axis) -> list[tuple[float, str]]:
    return [(height.below(value), text) for value, text in height.labels]
