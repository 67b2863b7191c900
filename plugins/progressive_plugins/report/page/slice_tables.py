"""When a strategy earned, as tables: by month, volatility, hour and weekday, on validation and on test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

TITLES = {
    "month": "Month by month",
    "volatility": "By volatility, in thirds of the bars",
    "hour": "By hour of the day (UTC)",
    "weekday": "By weekday",
}
BEYOND_2 = 0.0455
"""Share of a normal distribution that is beyond 2 standard deviations on either side."""


@frozen
class SliceTable:
    """The slices of each part. `largest` is the largest profit or loss, for the length of bars; `extreme` of `looks` have a t beyond 2."""

    title: str
    parts: Mapping[str, Sequence[Mapping[str, Any]]]
    largest: float
    looks: int
    extreme: int

    @property
    def by_luck(self) -> float:
        """How many t beyond 2 so many looks bring by luck."""
        return BEYOND_2 * self.looks


def slice_tables(account: Mapping[str, Any]) -> list[SliceTable]:
    """The slices of an account in the document, a table for each way to slice."""
    tables = []
    for by in dict.fromkeys(each["by"] for each in account["slices"]):
        own = [each for each in account["slices"] if each["by"] == by]
        known = [each["t"] for each in own if each["t"] is not None]
        tables.append(
            SliceTable(
                title=TITLES.get(by, by),
                parts={
                    part: [each for each in own if each["part"] == part]
                    for part in dict.fromkeys(each["part"] for each in own)
                },
                largest=max((abs(each["profit"] or 0.0) for each in own), default=0.0) or 1.0,
                looks=len(known),
                extreme=sum(abs(t) > 2 for t in known),
            )
        )
    return tables
