"""Mean, spread and error of a few numbers, and what so few can say: Student's t (Student 1908, Biometrika 6)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from attrs import frozen

_QUANTILES = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110,
    2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
"""Student's t that luck exceeds on either side once in 20 times, for 1 to 30 degrees of freedom."""


@frozen(kw_only=True)
class Spread:
    """`n` numbers: their `mean`, standard deviation `sd` (of a sample), `lowest` and `highest`, and the `error` of the mean.

    With fewer than two, `sd` and `error` are NaN. `t` is the mean over its error; `needed_t` that which luck exceeds on either
    side once in 20 times with so few numbers, and `low` to `high` the interval around the mean that goes with it.
    """

    n: int
    mean: float
    sd: float
    lowest: float
    highest: float

    @property
    def error(self) -> float:
        """Of the mean."""
        return self.sd / math.sqrt(self.n) if self.n else math.nan

    @property
    def t(self) -> float:
        """NaN where the numbers do not differ."""
        return self.mean / self.error if self.error > 0 else math.nan

    @property
    def needed_t(self) -> float:
        """Infinite for fewer than two numbers."""
        return needed_t(self.n)

    @property
    def low(self) -> float:
        """Of the interval."""
        return self.mean - self.needed_t * self.error

    @property
    def high(self) -> float:
        """Of the interval."""
        return self.mean + self.needed_t * self.error


def spread_of(numbers: Sequence[float]) -> Spread:
    """The spread of those of the numbers that are finite."""
    known = [number for number in numbers if math.isfinite(number)]
    n = len(known)
    if not n:
        return Spread(n=0, mean=math.nan, sd=math.nan, lowest=math.nan, highest=math.nan)
    mean = math.fsum(known) / n
    sd = math.sqrt(math.fsum((number - mean) ** 2 for number in known) / (n - 1)) if n > 1 else math.nan
    return Spread(n=n, mean=mean, sd=sd, lowest=min(known), highest=max(known))


def needed_t(n: int) -> float:
    """Student's t of `n` numbers that luck exceeds, on either side, once in 20 times; beyond 31 numbers to three digits."""
    if n < 2:
        return math.inf
    freedom = n - 1
    return _QUANTILES[freedom - 1] if freedom <= len(_QUANTILES) else 1.96 + 2.4 / freedom
