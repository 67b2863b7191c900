"""How a finished model did, beside its baselines, and the verdict."""

from __future__ import annotations

import math
from enum import StrEnum

from attrs import frozen

from progressive_core.contract.profit import percent


class PerformanceKind(StrEnum):
    """Whose performance a row is: what the model's strategy did, whether or not the verdict lets it trade; what it did in one
    regime alone; that of staying flat; or another baseline's."""

    MODEL = "model"
    REGIME = "regime"
    FLAT = "flat"
    BASELINE = "baseline"


class Edge(StrEnum):
    """Whether a model has an edge: none is shown; one is confirmed; or its result is too good to be honest."""

    NONE = "none"
    CONFIRMED = "confirmed"
    IMPLAUSIBLE = "implausible"


@frozen(kw_only=True)
class Performance:
    """One strategy over one split, net of costs.

    `log_return` is the log of final over initial equity; `sharpe` is that of daily returns, a year, and `sharpe_error` its
    standard error (both NaN where there are too few days); `drawdown` the largest fall from a peak (0 to 1); `turnover` the
    sum of absolute position changes; `trades` the completed ones; `long`, `flat` and `short` the share of bars in each
    position; `t` the t-statistic of the per-bar log return. Where log returns are `beta` times those of buy and hold, what
    is left is `alpha`, as log return a year, with its t-statistic `alpha_t` (NaN where nobody measured them).
    """

    strategy: str
    log_return: float
    sharpe: float
    drawdown: float
    turnover: float
    trades: int
    long: float
    flat: float
    short: float
    t: float
    sharpe_error: float = math.nan
    alpha: float = math.nan
    beta: float = math.nan
    alpha_t: float = math.nan
    kind: PerformanceKind = PerformanceKind.MODEL

    @property
    def profit(self) -> float:
        """In per cent of the first equity."""
        return percent(self.log_return)


@frozen(kw_only=True)
class Evaluation:
    """A finished model and its baselines on `validation` and `test`, the model's own row first: what its strategy did, and of a
    model that trades in some regimes alone what it does in use.

    `edge` is the verdict, `verdict` the same in words, `trades` where the model trades in use ("everywhere", "nowhere", "in regime
    2", "in regimes 1 and 3"). `regimes` hold the same of its strategy in each regime alone; empty where the market knows none.
    The verdict rests on `t`, pooled over `validation_t`, of validation bars that did not choose the model (NaN: validation
    says nothing, and `t` is that of test), and `test_t`. `carriers` are the columns that carry an implausible result;
    `warnings` name what a user must know (a policy that collapsed to one action, say). `validation_dates` and
    `test_dates` are the opens of the first and last bar of the part in ISO form ("2024-05-01T12:00:00Z"); empty where bars have
    no dates.

    One without rows on `test` is no verdict but that of a trial of settings, for which nobody read the test part: a later bucket may
    still change its model.
    """

    validation: tuple[Performance, ...]
    test: tuple[Performance, ...]
    verdict: str
    edge: Edge = Edge.NONE
    trades: str = "nowhere"
    t: float = 0.0
    validation_t: float = math.nan
    test_t: float = math.nan
    carriers: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    validation_dates: tuple[str, ...] = ()
    test_dates: tuple[str, ...] = ()
    regimes: tuple[Evaluation, ...] = ()
