"""The scales of the pictures of a search: profit, whole numbers, and the values of a setting."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from attrs import field, frozen

from progressive_app.quoting import shortened
from progressive_core.contract.profit import profit_text
from progressive_studies.study.grid_flags import parts_of

ROOM = 0.06
"""Beyond the outermost values, as a share of what is between them."""
NEAR = 9.0
"""Labels closer than this, in per cent of the height, would touch."""
WIDE = 1.0
"""From this range of log return on, round multiples of the equity are labelled in place of round steps."""


@frozen(kw_only=True)
class Axis:
    """A scale from `low` to `high`; `labels` are values with their text."""

    low: float
    high: float
    labels: Sequence[tuple[float, str]] = ()
    transformed: Callable[[float], float] = field(default=float, repr=False)

    def place(self, value: float) -> float:
        """Where a value stands, in per cent of the length."""
        return round(100 * (self.transformed(value) - self.low) / (self.high - self.low), 2)

    def below(self, value: float) -> float:
        """Where a value stands from above, in per cent of the height."""
        return round(100 - self.place(value), 2)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Places with their texts."""
        return [(self.place(value), text) for value, text in self.labels]


@frozen
class ValueAxis:
    """The scale of a setting: `of` says where a value stands, None where it has no place on it."""

    of: Callable[[Any], float | None]
    ticks: Sequence[tuple[float, str]]


def span_axis(span: str, values: Sequence[Any]) -> ValueAxis:
    """The scale of a span like `1e-4..1e-2:log` or `a|b|c`, made wider where values lie outside, by its own length at most."""
    if "|" in span:
        named = [part.strip() for part in parts_of(span, "|")]
        names = list(dict.fromkeys([*map(_as_written, named), *map(_name, values)]))
        places = {name: round(100 * (place + 0.5) / len(names), 2) for place, name in enumerate(names)}
        return ValueAxis(lambda value: places.get(_name(value)), [(place, name) for name, place in places.items()])
    ends, _, scale = span.partition(":")
    is_log = bool(scale)
    scaled = math.log10 if is_log else float
    first, last = (scaled(float(end)) for end in ends.split(".."))
    scales = [scaled(value) for value in values if _is_number(value) and (value > 0 or not is_log)]
    near = [value for value in scales if 2 * first - last <= value <= 2 * last - first]
    low, high = min([first, *near]), max([last, *near])
    room = ROOM * (high - low)
    axis = Axis(low=low - room, high=high + room, transformed=scaled, labels=_labels(low, high, is_log))

    def place(value: Any) -> float | None:
        if not _is_number(value) or (is_log and value <= 0):
            return None
        return axis.place(value) if low <= scaled(value) <= high else None

    return ValueAxis(place, axis.ticks)


def _name(value: Any) -> str:
    """A named value, as it may be written in a span."""
    return shortened(value if isinstance(value, str) else json.dumps(value))


def _as_written(text: str) -> str:
    """The name of the value that a part of a span means."""
    try:
        return _name(json.loads(text))
    except ValueError:
        return shortened(text)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _labels(low: float, high: float, is_log: bool) -> list[tuple[float, str]]:
    if not is_log:
        return [(value, f"{value:g}") for value in _even(low, high, 4)]
    marks = (1,) if high - low >= 2 else (1, 3) if high - low >= 1 else (1, 2, 5)
    powers = range(math.floor(low) - 1, math.ceil(high) + 1)
    values = [mark * 10.0**power for power in powers for mark in marks]
    inside = [value for value in values if low - 1e-9 <= math.log10(value) <= high + 1e-9]
    return [(value, f"{value:.3g}") for value in (inside if len(inside) > 1 else (10**low, 10**high))]


def profit_axis(scores: Iterable[float]) -> Axis:
    """A scale of log returns around `scores`, labelled as profit."""
    known = [score for score in scores if score is not None and math.isfinite(score)] or [0.0]
    low, high = min(known), max(known)
    room = ROOM * (high - low) or 0.01
    low, high = low - room, high + room
    if high - low > WIDE:
        percents = [100 * (mark * 10.0**power - 1) for power in range(-3, 9) for mark in (1, 1.5, 2, 3, 5, 7)]
    else:
        percents = _even(100 * math.expm1(low), 100 * math.expm1(high), 8)
    inside = [
        value for value in (math.log1p(percent / 100) for percent in percents if percent > -100) if low <= value <= high
    ]
    apart: list[tuple[float, str]] = []
    for value in sorted(inside, key=abs):
        text = profit_text(value)
        if all(100 * abs(value - other) > NEAR * (high - low) and text != told for other, told in apart):
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
