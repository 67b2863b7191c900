"""How a finished model did, beside its baselines, and the verdict."""

from __future__ import annotations

from enum import StrEnum

from attrs import frozen


class PerformanceKind(StrEnum):
    """Whose performance a row is: the model's as it acts, what a model that stays flat would have earned had it traded, that
    of staying flat, or another baseline's."""

    MODEL = "model"
    UNTRADED = "untraded"
    FLAT = "flat"
    BASELINE = "baseline"


class Edge(StrEnum):
    """Whether a model has an edge: validation shows none; validation shows one; and test confirms it."""

    NONE = "none"
    SHOWN = "shown"
    CONFIRMED = "confirmed"


@frozen(kw_only=True)
class Performance:
    """One strategy over one split, net of costs.

    `log_return` is the log of final over initial equity; `sharpe` is annualised; `drawdown` the largest fall from a
    peak (0 to 1); `turnover` the sum of absolute position changes; `trades` the completed ones; `long`, `flat` and
    `short` the share of bars in each position; `t` the t-statistic of the per-bar log return.
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
    kind: PerformanceKind = PerformanceKind.MODEL


@frozen(kw_only=True)
class Evaluation:
    """A finished model and its baselines on `validation` and `test`, the model's own row first.

    `edge` is the verdict, `verdict` the same in words, `t` the t-statistic that it rests on; `warnings` name what a user must
    know (a policy that collapsed to one action, say).
    """

    validation: tuple[Performance, ...]
    test: tuple[Performance, ...]
    verdict: str
    edge: Edge = Edge.NONE
    t: float = 0.0
    warnings: tuple[str, ...] = ()
