"""What is known of a strategy before a fold begins, and whether it trades there: all honest evidence so far, pooled."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from attrs import frozen

from progressive_market.judging.block_statistics import t_statistic
from progressive_market.judging.exposure import exposure
from progressive_market.judging.verdict import LARGE_BETA, SHOWN_T, pooled_t

if TYPE_CHECKING:
    from torch import Tensor


@frozen(kw_only=True)
class FirstValidation:
    """The first fold's validation part: its `t` and `alpha_t` on bars that did not choose the model (NaN where they say nothing),
    and its number of `bars`. The validation parts of later folds are test parts of the folds before, and would count twice."""

    t: float
    alpha_t: float
    bars: int


@frozen(kw_only=True)
class Evidence:
    """`t` of the first fold's validation and of the test bars so far, pooled, and that of alpha to buy and hold; `test_t` of the test
    bars alone, and their `beta`; `own_t` of the validation part of the fold whose model is to trade. NaN where there is nothing."""

    t: float
    alpha_t: float
    test_t: float
    beta: float
    own_t: float

    @property
    def is_enough(self) -> bool:
        """Whether an edge is shown: a pooled t of `SHOWN_T`, no loss out of sample nor in the model's own validation part (where a
        market has turned, that part knows first), and alpha likewise where the strategy moves with buy and hold."""
        return not self.lacking

    @property
    def lacking(self) -> str:
        """What is missing, in words; empty where nothing is."""
        if not self.t >= SHOWN_T:
            return f"{SHOWN_T:g} is needed"
        if self.test_t <= 0:
            return "and out of sample it did not earn"
        if self.own_t <= 0:
            return f"and t = {self.own_t:.1f} on the newest validation part, which must be above 0"
        if abs(self.beta) >= LARGE_BETA and not self.alpha_t >= SHOWN_T:
            return f"and t of alpha = {self.alpha_t:.1f} at beta {self.beta:.1f} to buy and hold, where {SHOWN_T:g} is needed"
        return ""


def evidence(growth: Tensor, hold: Tensor, validation: FirstValidation, own_t: float) -> Evidence:
    """What is known after the out-of-sample bars so far, whose log growth under the strategy is `growth` [N], under buy and hold
    `hold` [N].

    :param own_t: of the validation part of the fold whose model is to trade, on bars that did not choose it.
    """
    count = len(growth)
    if count == 0:
        return Evidence(t=validation.t, alpha_t=validation.alpha_t, test_t=math.nan, beta=math.nan, own_t=own_t)
    moved = exposure(growth, hold)
    test_t, bars = t_statistic(growth), (validation.bars, count)
    return Evidence(
        t=pooled_t(validation.t, test_t, bars),
        alpha_t=pooled_t(validation.alpha_t, moved.t, bars),
        test_t=test_t,
        beta=moved.beta,
        own_t=own_t,
    )


def chance_of(t: float, sharpe: float, years: float) -> float:
    """The share of histories of so many years in which a strategy with this true Sharpe ratio a year shows such a `t`: the ratio
    times the root of the years, with a deviation of 1."""
    return 0.5 * math.erfc((t - sharpe * math.sqrt(years)) / math.sqrt(2))


def years_for(t: float, sharpe: float) -> float:
    """Years after which a Sharpe ratio shows this `t` on average, (t / ratio)^2; NaN where it is not above 0."""
    return (t / sharpe) ** 2 if sharpe > 0 else math.nan
