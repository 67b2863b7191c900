"""Bars in memory, and the report of how they were cleaned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from attrs import Factory, asdict, evolve, field, frozen
from numpy.typing import NDArray

from progressive_training.presentation import utc_text

Floats = NDArray[np.float64]
Times = NDArray[np.int64]

NO_TIME = np.iinfo(np.int64).min  # numpy's not-a-time
MINUTE = 60 * 10**9  # nanoseconds
FIRST_TIMES = 3  # how many times of each kind of trouble a report names
WHERE_ABSENT = ("absent", "fills")
"""Arrays of `Bars` that are None where every bar was there."""
PRICES = ("open", "high", "low", "close")
FLOWS = ("quote_volume", "trades", "taker_buy_volume", "taker_buy_quote_volume", "funding_rate")
"""Extra columns that add up over time, as volume does: nothing traded means 0, and a resampled bar holds their sum."""


@frozen(kw_only=True)
class CleaningReport:
    """What was found and done while rows became bars.

    `rows` were read (and `skipped` lines were none) and `bars` are left. Dropped: `duplicates` (rows of a time that a
    later row repeats; `conflicting` of them with other values) and `bad` (no time, missing or non-positive prices, a
    high below or a low above another price). `disorder` rows came before their predecessor's time; `off_grid` began
    between two bar opens and were moved back to the earlier one. `bad_prints` left the bars around them by a factor of 3 or
    more and came back; they were left out, and `first_times` has their factors too. `last_print` names newest bars that left
    the price before them so far, and are kept. `steps` are bars at which the price jumps so far and stays, or is traded there and
    back; they are kept, and `first_times` has their factors. `filled` bars were added flat in short quiet stretches;
    `gaps` were left, `missing` bars long in all and `longest_gap` at most, from the absent bar `longest_gap_from` on.
    `zero_volume` bars came without volume (those filled are not among them). `partial` resampled bars were dropped
    because a gap or an end cuts them. `filled_extra` counts missing values of extra columns that took the value before
    them, and `completed` those of each such column, in filled bars too. `first_times` names the first of each (ISO, UTC; for a gap the bar after it), `notes` say how columns were
    understood. `market` is the one that was chosen, or the only one that the source names ("" where it names none), and
    `left_out` are the columns that were not taken, each with the reason.
    """

    source: str = ""
    rows: int = 0
    skipped: int = 0
    bars: int = 0
    interval_seconds: float = 0.0
    start: str = ""
    end: str = ""
    disorder: int = 0
    duplicates: int = 0
    conflicting: int = 0
    bad: int = 0
    off_grid: int = 0
    bad_prints: int = 0
    last_print: str = ""
    steps: int = 0
    gaps: int = 0
    missing: int = 0
    longest_gap: int = 0
    longest_gap_from: str = ""
    filled: int = 0
    zero_volume: int = 0
    partial: int = 0
    filled_extra: int = 0
    completed: Mapping[str, int] = field(factory=dict)
    first_times: Mapping[str, tuple[str, ...]] = field(factory=dict)
    notes: tuple[str, ...] = ()
    market: str = ""
    left_out: tuple[tuple[str, str], ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The report as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> CleaningReport:
        """The report that `as_json` wrote."""
        times = {kind: tuple(first) for kind, first in values["first_times"].items()}
        left_out = tuple((str(name), str(why)) for name, why in values["left_out"])
        return cls(**{**values, "first_times": times, "notes": tuple(values["notes"]), "left_out": left_out})

    def troubles(self) -> list[str]:
        """For people: what was amiss with the rows and what became of it, a phrase each; none for clean rows.

        Resampled bars that an end or a gap cuts are not among them: there always are some.
        """
        phrases = {
            "skipped": f"{counted(self.skipped, 'line')} without the right number of fields skipped",
            "bad": f"{counted(self.bad, 'bad row')} dropped (no time, or prices that cannot be{self._first('bad')})",
            "duplicates": f"{counted(self.duplicates, 'row')} of a time that comes again dropped, "
            f"{self.conflicting:,} with other values{self._first('duplicates')}",
            "disorder": f"{counted(self.disorder, 'row')} out of order sorted{self._first('disorder')}",
            "off_grid": f"{counted(self.off_grid, 'bar')} between two bar opens moved back to the earlier one"
            f"{self._first('off_grid')}",
            "bad_prints": f"{counted(self.bad_prints, 'bad print')} left out: "
            f"{', '.join(self.first_times.get('bad_prints', ()))}{', ...' if self.bad_prints > FIRST_TIMES else ''}",
            "last_print": f"{self.last_print} (a bad print, or a move: no bar came after)",
            "steps": f"{counted(self.steps, 'jump')} of the price kept: {', '.join(self.first_times.get('steps', ()))}"
            f"{', ...' if self.steps > FIRST_TIMES else ''} (a real event, another market or another unit)",
            "gaps": f"{counted(self.gaps, 'gap')} ({counted(self.missing, 'bar')} missing, the longest "
            f"{self.longest_gap:,} from {utc_text(self.longest_gap_from)})",
            "filled": f"{counted(self.filled, 'absent bar')} filled flat{self._first('filled')}",
            "zero_volume": f"{counted(self.zero_volume, 'bar')} without volume{self._first('zero_volume')}",
            "filled_extra": f"{counted(self.filled_extra, 'missing value')} of extra columns taken from the bar before",
        }
        return [phrase for kind, phrase in phrases.items() if getattr(self, kind)]

    def _first(self, kind: str) -> str:
        return f", first {utc_text(self.first_times[kind][0])}" if self.first_times.get(kind) else ""


@frozen(kw_only=True)
class FeaturePlugin:
    """Whose columns some of `Bars.extra` are: entry point, distribution and its version, the names of the columns, and the
    number of bars from which they are the same on the last of them as from all bars before."""

    name: str
    distribution: str
    version: str
    columns: tuple[str, ...]
    history: int = 1


@frozen(kw_only=True, eq=False)
class Bars:
    """Clean bars in time order, as arrays of one length.

    `time` is the bar's open (UTC, nanoseconds since 1970); prices are positive with low <= open, close <= high;
    `volume` is in the base asset. `extra` holds further columns: NaN before their first value in a segment (an average
    of so many bars has none yet, and any number in its place would be made up), finite from there on. Bars of one
    `segment` follow each other without a gap, `interval` nanoseconds apart; nothing may reach from one segment into
    another. `feature_plugins` computed those columns that were not in the data.

    `absent` marks bars that end without one: nothing was traded, they were filled flat, and nobody could see them before the
    next bar came. An order that waits for a bar fills at its price in `fills`: its open, or where the bar begins absent the open
    of the next one that is there. Both are None where every bar was there. `carried`: the longest stretch of bars, by extra
    column, over which a missing value was taken from the bar before. `ratios`: extra columns in the units of the price, given as log
    ratios to the close. `source_interval`: length of the bars that these were merged of.
    """

    time: Times = field(repr=False)
    open: Floats = field(repr=False)
    high: Floats = field(repr=False)
    low: Floats = field(repr=False)
    close: Floats = field(repr=False)
    volume: Floats = field(repr=False)
    segment: NDArray[np.int32] = field(repr=False)
    interval: int
    extra: Mapping[str, Floats] = field(factory=dict, repr=False)
    feature_plugins: tuple[FeaturePlugin, ...] = ()
    absent: NDArray[np.bool_] | None = field(default=None, repr=False)
    fills: Floats | None = field(default=None, repr=False)
    carried: Mapping[str, int] = field(factory=dict)
    ratios: tuple[str, ...] = ()
    source_interval: int = field(default=Factory(lambda self: self.interval, takes_self=True))
    synthetic: bool = False
    report: CleaningReport = field(factory=CleaningReport, repr=False)

    def __len__(self) -> int:
        return len(self.time)

    def __str__(self) -> str:
        return f"{len(self):,} bars {self.span}"

    @property
    def span(self) -> str:
        """Their length, and the opens of the first and the last."""
        first, last = (_minute(int(time)) for time in self.time[[0, -1]])
        return f"of {interval_text(self.interval)} from {first} to {last} UTC"

    def between(self, start: int, stop: int) -> Bars:
        """Bars `start` to `stop` (exclusive), as views."""
        part = slice(start, stop)
        arrays = {name: getattr(self, name)[part] for name in ("time", *PRICES, "volume", "segment")}
        arrays |= {name: values[part] for name in WHERE_ABSENT if (values := getattr(self, name)) is not None}
        return evolve(self, **arrays, extra={name: values[part] for name, values in self.extra.items()})


def read_only(bars: Bars) -> Bars:
    """Views that a plugin cannot write to."""
    views = bars.between(0, len(bars))
    for array in (*(getattr(views, name) for name in ("time", *PRICES, "volume", "segment")), *views.extra.values()):
        array.flags.writeable = False
    return views


def counted(count: int, thing: str) -> str:
    """So many of a thing, in words."""
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"


def iso(times: Times) -> tuple[str, ...]:
    """The first few of `times` as ISO text, to the second unless finer, in UTC."""
    return tuple(_iso(int(time)) for time in times[:FIRST_TIMES])


def _iso(time: int) -> str:
    unit = "s" if time % 10**9 == 0 else "ms" if time % 10**6 == 0 else "ns"
    return str(np.datetime64(time, "ns").astype(f"datetime64[{unit}]")) + "Z"


def _minute(time: int) -> str:
    """A time for people, to the minute unless finer."""
    text = (
        str(np.datetime64(time, "ns").astype("datetime64[m]")) if time % MINUTE == 0 else _iso(time).removesuffix("Z")
    )
    return text.replace("T", " ")


def interval_text(interval: int) -> str:
    """A bar length in words that pandas reads back: 1min, 4h, 1d."""
    for name, size in (("d", 1440 * MINUTE), ("h", 60 * MINUTE), ("min", MINUTE), ("s", 10**9)):
        if interval >= size and interval % size == 0:
            return f"{interval // size}{name}"
    return f"{interval}ns"
