"""`summary.html` of a study: one file that opens without a network, in the look of a run's report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

from progressive_app.presentation.page.page_parts import content_policy, page_environment, page_style
from progressive_app.quoting import show
from progressive_core.contract.profit import profit_text
from progressive_studies.study.outcomes import BucketOutcome, RunOutcome
from progressive_studies.study.study_summary import Difference, Level, StudySummary
from progressive_studies.study.study_tables import (
    ALL_MARKETS,
    DIFFERENCES_MEANING,
    LEVELS_MEANING,
    difference_groups,
    difference_heads,
    difference_rows,
    level_heads,
    level_rows,
    shown_levels,
)

_TEMPLATES = Path(__file__).parent / "templates"
ROOM = 0.06
"""Beside the outermost dots, as a share of what is between them."""


@frozen(kw_only=True)
class Scale:
    """Where a log return stands, in per cent of the width; `ticks` are those that are labelled."""

    low: float
    high: float

    def across(self, value: float) -> float:
        """The place of a value; one beyond the ends stands there."""
        share = (value - self.low) / (self.high - self.low)
        return round(100 * min(max(share, 0.0), 1.0), 2)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """The ends and 0, in per cent of profit; one that would touch 0 is left out."""
        zero = self.across(0.0)
        ends = [value for value in (self.low, self.high) if abs(self.across(value) - zero) > 12]
        return [(self.across(value), profit_text(value)) for value in (0.0, *ends)]


@frozen(kw_only=True)
class Strip:
    """A row of dots, each a run (its place, and what it is in words), the mean, and the interval around it where there is one."""

    label: str
    dots: Sequence[tuple[float, str]]
    mean: float | None
    interval: tuple[float, float] | None


@frozen(kw_only=True)
class Strips:
    """Rows of dots on one scale."""

    scale: Scale
    rows: Sequence[Strip]


def page_of(summary: StudySummary) -> str:
    """Return the page of a study."""
    finished = [run for run in summary.runs if run.is_finished]
    return (
        page_environment(_TEMPLATES)
        .get_template("study.html")
        .render(
            summary=summary,
            finished=len(finished),
            style=page_style(),
            policy=content_policy(),
            differences=[
                (title, _differences(rows), difference_heads(rows), difference_rows(rows))
                for title, rows in difference_groups(summary.differences)
            ],
            difference_meaning=DIFFERENCES_MEANING,
            buckets=[
                (bucket, _levels([level for level in shown_levels(summary) if level.bucket == bucket], finished))
                for bucket in dict.fromkeys(level.bucket for level in summary.levels)
            ],
            level_heads=level_heads(summary),
            levels=level_rows(summary),
            level_meaning=LEVELS_MEANING,
        )
    )


def _levels(levels: Sequence[Level], runs: Sequence[RunOutcome]) -> Strips:
    """A strip for each level of a bucket: every run a dot at its test profit."""
    found = [_of_level(level, runs) for level in levels]
    scale = _scale([outcome.profit for own in found for _, outcome in own])
    rows = []
    for level, own in zip(levels, found, strict=True):
        spread = level.measures["profit"]
        dots = [
            (scale.across(each.profit), f"{run.name}: {profit_text(each.profit)}")
            for run, each in own
            if math.isfinite(each.profit)
        ]
        about = [level.market or "", *map(show, level.settings.values()), level.arm]
        rows.append(_strip(", ".join(filter(None, about)), dots, spread.mean, (spread.low, spread.high), scale))
    return Strips(scale=scale, rows=rows)


def _of_level(level: Level, runs: Sequence[RunOutcome]) -> list[tuple[RunOutcome, BucketOutcome]]:
    return [
        (run, each)
        for run in runs
        if run.labels.get("market") == level.market
        and all(run.labels[key] == value for key, value in level.settings.items())
        for each in run.buckets
        if (each.bucket, each.arm) == (level.bucket, level.arm)
    ]


def _differences(differences: Sequence[Difference]) -> Strips:
    """A strip for each difference: its mean and interval."""
    ends = [value for each in differences for value in _interval(each)]
    scale = _scale([*ends, 0.0])
    rows = []
    for each in differences:
        spread = each.measures["profit"]
        several = len({difference.market for difference in differences}) > 1
        label = f"{each.bucket}, {each.market or ALL_MARKETS}" if several else each.bucket
        rows.append(_strip(label, (), spread.mean, (spread.low, spread.high), scale))
    return Strips(scale=scale, rows=rows)


def _interval(difference: Difference) -> list[float]:
    """The mean and the ends of the interval around it, where there is one."""
    spread = difference.measures["profit"]
    return [value for value in (spread.mean, spread.low, spread.high) if math.isfinite(value)]


def _strip(
    label: str, dots: Sequence[tuple[float, str]], mean: float, interval: tuple[float, float], scale: Scale
) -> Strip:
    known = all(map(math.isfinite, interval))
    return Strip(
        label=label,
        dots=dots,
        mean=scale.across(mean) if math.isfinite(mean) else None,
        interval=(scale.across(interval[0]), scale.across(interval[1])) if known else None,
    )


def _scale(values: Sequence[float]) -> Scale:
    known = [value for value in values if math.isfinite(value)] or [0.0]
    low, high = min(*known, 0.0), max(*known, 0.0)
    room = (high - low) * ROOM or 0.01
    return Scale(low=low - room, high=high + room)
