"""The market's settings: the bars, how they are split, and what trading costs."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from attrs import frozen

from progressive_training import (
    InputFile,
    Names,
    Number,
    OneOf,
    OrNull,
    Reason,
    Refused,
    Setting,
    Whole,
    why_not_installed,
)

_UNITS = {"s": "s", "min": "min", "m": "min", "h": "h", "d": "D", "w": "W"}  # as pandas spells them
_FREQUENCY = re.compile(r"([1-9][0-9]{0,5}) ?(s|min|m|h|d|w)", re.IGNORECASE | re.ASCII)


@frozen
class Frequency:
    """The duration of one bar."""

    allowed: str = 'a number and a unit s, min, h, d or w, like "15min" or "1h"'

    def check(self, value: Any) -> str:
        """Return it in the spelling of pandas, in which a lone capital M would be months: that one is refused."""
        match = _FREQUENCY.fullmatch(value.strip()) if isinstance(value, str) else None
        if match is None or match[2] == "M":
            raise Refused
        return match[1] + _UNITS[match[2].lower()]

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": "^ *[1-9][0-9]{0,5} ?([sS]|[mM][iI][nN]|m|[hH]|[dD]|[wW]) *$"}


RATE, NAME = Number(-10, 10), Names("names")
MOST_REGIMES = 8


@frozen
class MarketName:
    """The name of a market, or its number."""

    allowed: str = 'a name or a number, like "BTC-USD" or 1'

    def check(self, value: Any) -> str:
        """A number becomes its text, by which markets are compared."""
        number = isinstance(value, int) and not isinstance(value, bool)
        return NAME.check((str(value) if number else value,))[0]

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [NAME.schema()["items"], {"type": "integer"}]}


@frozen
class DetectorName:
    """The name of an installed detector of regimes."""

    allowed: str = 'the name of a detector, like "hmm"'

    def check(self, value: Any) -> str:
        """One of that name must be installed: it is found, and not imported."""
        name = NAME.check((value,))[0]
        if reason := why_not_installed("regime", name):
            raise Refused(reason)
        return name

    def schema(self) -> dict[str, Any]:
        items: dict[str, Any] = NAME.schema()["items"]
        return items


@frozen
class Funding:
    """A rate a year, or the name of the column with the rate of each bar."""

    allowed: str = "a rate a year from -10 to 10, or the name of a column with the rate of each bar"

    def check(self, value: Any) -> float | str:
        """A text that is no number is a column's name, whether or not there is such a column: the bars are not read yet."""
        if not isinstance(value, str):
            return RATE.check(value)
        try:
            rate = float(value)
        except ValueError:
            return NAME.check((value,))[0]
        return RATE.check(rate)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [RATE.schema(), NAME.schema()["items"]]}


@frozen
class Moments:
    """The times at which training, validation and test begin, and at which test ends."""

    allowed: str = 'four times in ascending order, at which training, validation and test begin and test ends, like "2024-01-31T00:00:00Z"'

    def check(self, value: Any) -> tuple[str, ...]:
        """Return them in UTC. A time without a zone is one in UTC, as bars' are."""
        if not isinstance(value, list | tuple) or len(value) != 4 or not all(isinstance(each, str) for each in value):
            raise Refused
        try:
            times = [datetime.fromisoformat(each.strip()) for each in value]
        except ValueError:
            raise Refused from None
        in_utc = [time.replace(tzinfo=time.tzinfo or UTC).astimezone(UTC) for time in times]
        if not all(1700 < time.year < 2200 for time in in_utc) or in_utc != sorted(set(in_utc)):
            raise Refused
        return tuple(time.isoformat().replace("+00:00", "Z") for time in in_utc)

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": {"type": "string"}, "minItems": 4, "maxItems": 4}


# fmt: off
DATA: Setting[str | None] = Setting(
    "DATA", None, OrNull(InputFile(), "a synthetic market"),
    "the file of bars (CSV, Parquet, Feather or JSON), from the working directory", "never", Reason.BARS)
DATA_MB = Setting(
    "DATA_MB", 2_000, Whole(1, 10_000_000),
    "the most memory, in MB, that the file of bars, unpacked, and the table that is read from it may each take")
FREQUENCY: Setting[str | None] = Setting(
    "FREQUENCY", None, OrNull(Frequency(), "the bars as they are"),
    "combine the bars into longer ones of this duration", "never", Reason.BARS)
FILL_MINUTES = Setting(
    "FILL_MINUTES", 10, Whole(0, 10_080),
    "a stretch without bars up to this long is filled as minutes without a trade; a longer one is a gap", "never", Reason.BARS)
MARKET: Setting[str | None] = Setting(
    "MARKET", None, OrNull(MarketName(), "the only one"),
    "the market to take where the file holds several", "never", Reason.BARS)
ALLOW_LEAK: Setting[tuple[str, ...]] = Setting(
    "ALLOW_LEAK", (), Names("column names"),
    "extra columns that may know the future: the leak check and the verdict pass them", "never", Reason.BARS)
SYNTHETIC_BARS = Setting(
    "SYNTHETIC_BARS", 60_000, Whole(1_000, 10_000_000),
    "length of the synthetic market that is used without DATA", "never", Reason.BARS)
VALIDATION_SHARE = Setting(
    "VALIDATION_SHARE", 0.15, Number(0.05, 0.4),
    "share of the bars that chooses the model, after the training part", "never", Reason.BARS)
TEST_SHARE = Setting(
    "TEST_SHARE", 0.25, Number(0.05, 0.4), "share of the bars that measures it, at the end", "never", Reason.BARS)
PARTS: Setting[tuple[str, ...] | None] = Setting(
    "PARTS", None, OrNull(Moments(), "shares of the bars"),
    "when training, validation and test begin, and test ends, in place of shares of the bars", "never", Reason.BARS)
CAPITAL_ALLOCATION = Setting(
    "CAPITAL_ALLOCATION", 1.0, Number(0, 1, low_excluded=True),
    "share of the equity that a position puts at stake", "never", Reason.COSTS)
FEE = Setting(
    "FEE", 0.001, Number(0, 0.1), "fee for each side of a trade, as a share of its value", "never", Reason.COSTS)
SLIPPAGE = Setting(
    "SLIPPAGE", 0.0001, Number(0, 0.1),
    "how much worse than the price a trade fills, as a share of it", "never", Reason.COSTS)
FUNDING: Setting[float | str] = Setting(
    "FUNDING", 0.0, Funding(),
    "what a long position pays, and a short one receives, on its value; a column of it is a cost and no feature", "never", Reason.COSTS)
BORROW = Setting(
    "BORROW", 0.0, Number(0, 10), "what a short position pays on its value, as a rate a year", "never", Reason.COSTS)
SIDES = Setting(
    "SIDES", "both", OneOf(("both", "long")), "the sides that may be taken: long and short, or long alone", "never", Reason.COSTS)
REGIMES: Setting[str | None] = Setting(
    "REGIMES", None, OrNull(DetectorName(), "none"),
    "the detector of market regimes, fitted on the training part: hmm, quantile, or one of another package", "never", Reason.BARS)
REGIME_COUNT = Setting("REGIME_COUNT", 2, Whole(2, MOST_REGIMES), "how many regimes it tells apart", "never", Reason.BARS)
EVIDENCE = Setting(
    "EVIDENCE", "all", OneOf(("all", "test", "half")),
    "what the verdict counts: all honest bars; the test part alone, where validation chose settings; half: a trial on half of "
    "validation, without a verdict", "later buckets", Reason.BEGUN, per_bucket=True, example="test")
# fmt: on
BARS_SETTINGS: tuple[Setting[Any], ...] = (
    DATA,
    DATA_MB,
    FREQUENCY,
    FILL_MINUTES,
    MARKET,
    ALLOW_LEAK,
    SYNTHETIC_BARS,
    VALIDATION_SHARE,
    TEST_SHARE,
    PARTS,
    CAPITAL_ALLOCATION,
    FEE,
    SLIPPAGE,
    FUNDING,
    BORROW,
    SIDES,
    REGIMES,
    REGIME_COUNT,
)  # fmt: skip
"""Those that decide which market a run is on."""
MARKET_SETTINGS: tuple[Setting[Any], ...] = (*BARS_SETTINGS, EVIDENCE)
