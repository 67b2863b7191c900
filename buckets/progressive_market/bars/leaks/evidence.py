"""What the leak check finds, and the limits that it judges by."""

from __future__ import annotations

from attrs import frozen

NEXT = 0.05
LONGER = 0.25
LASTING, LAST = 0.35, 48
"""R² on unseen bars that no honest column reaches: `NEXT` for one bar's return, so much more for each bar of a longer span,
`LONGER` at most, and `LASTING` for spans of `LAST` bars and more, in which a drift that lasts adds up.

On one bar 0.05 is a correlation of 0.22: a Sharpe ratio above 15 a year on hourly bars. Measured: 0.01 for columns planted to be
useful, 0.002 for prices and volumes of real hourly bars, 0.07 and more for returns to come under three times their noise. Honest
trends explain more of a longer span (0.06 on planted markets; 0.28 of 96 bars where bars of 5 bp have a drift of 0.8 bp that
lasts), and a label, even a sign (of 12 bars: 1 / pi), shares more of its variance with one of these spans.
"""
UNSURE = 30
"""Lowest limit of R², in units of 1 / number of independent returns: chance alone stays below it. Measured with honest
columns of real bars and of random walks: at most 10, of spans of 288 bars and more."""


@frozen(kw_only=True)
class Evidence:
    """The strongest sign that `columns` (one, or two that tell more together) contain later data.

    `form` is what was looked at ("its level"), `finding` completes a sentence about it ("explains the next bar's return").
    `strength` is an R² or another share of 0 to 1, more than `limit`.
    """

    columns: tuple[str, ...]
    form: str
    finding: str
    strength: float
    limit: float
    measure: str = "R²"

    def __str__(self) -> str:
        """One line: `label (its level explains the next bar's return: R² 0.93)`."""
        shown = f": {self.measure} {self.strength:.2f}" if self.measure else ""
        return f"{' with '.join(self.columns)} ({self.form} {self.finding}{shown})"


def limit_of(horizon: int, bars: int) -> float:
    """R² of the return over `horizon` bars that neither an honest column nor chance reaches on so many bars."""
    return max(min(NEXT * horizon, LONGER if horizon < LAST else LASTING), UNSURE * horizon / max(bars, 1))


def stronger(one: Evidence | None, other: Evidence) -> Evidence:
    """The one that is further above its limit."""
    return other if one is None or other.strength / other.limit > one.strength / one.limit else one
