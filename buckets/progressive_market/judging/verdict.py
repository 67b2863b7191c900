"""The verdict: whether an edge is confirmed, and what a user must know before believing it.

All honest evidence counts: validation bars that did not choose the model, and test. Since test helps to decide whether the
model trades, its result is slightly flattered for models that claim an edge.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from attrs import frozen

from progressive_training import Edge, Evaluation, PerformanceKind

if TYPE_CHECKING:
    from progressive_training import Performance

SHOWN_T = 3.0
"""A t of 2 is for one look. A learner looks many times, so this is the hurdle of Harvey, Liu and Zhu (2016) for results
found by searching. Seen by us: pooled over validation and test, none of 245 buckets on driftless random walks reached 2.7."""
ONE_ACTION = 0.98
EVERYWHERE, NOWHERE = "everywhere", "nowhere"
"""Where a model trades."""
NOT_JUDGED = "not judged yet: that is done when no transfer can change the model any more"


@frozen
class Doubt:
    """Why a result is too good to be honest, and the columns that carry it."""

    reason: str
    carriers: tuple[str, ...] = ()


def pooled_t(validation_t: float, test_t: float, bars: tuple[int, int]) -> float:
    """The t of validation and test together, (t_v sqrt(n_v) + t_t sqrt(n_t)) / sqrt(n_v + n_t): each weighs by the root of
    its number of bars (Stouffer's method with weights, Liptak 1958). That of test where validation says nothing (NaN).

    :param bars: of the validation and of the test part.
    """
    if math.isnan(validation_t):
        return test_t
    weights = [math.sqrt(count / sum(bars)) for count in bars]
    return validation_t * weights[0] + test_t * weights[1]


def judge(
    validation: tuple[Performance, ...],
    test: tuple[Performance, ...],
    validation_t: float,
    bars: tuple[int, int],
    degenerate: str = "",
    doubt: Doubt | None = None,
) -> Evaluation:
    """Judge the model by its rows on validation and test, its own first.

    An edge is confirmed by a pooled t of `SHOWN_T` of which both parts are positive.

    :param validation_t: t of validation bars that did not choose the model (see `MarketEvaluator`); NaN where validation may
        have decided unseen: test alone must then show the edge.
    :param bars: of the validation and of the test part.
    :param degenerate: the reason that `degeneration` gives, or empty: what one action earned while others paid is no edge of
        the policy's.
    :param doubt: why the result cannot be honest; it is then never an edge.
    """
    test_t = test[0].t
    t = pooled_t(validation_t, test_t, bars)
    together = "test bars alone, since no choice was considered on validation"
    if not math.isnan(validation_t):
        together = "validation bars that did not choose the model and on test together"
    edge = Edge.NONE
    if doubt is not None:
        edge = Edge.IMPLAUSIBLE
        verdict = f"implausible: a column probably knows the future ({doubt.reason})"
    elif not t >= SHOWN_T:
        verdict = f"no edge shown (t = {_below(t)} on {together}; {SHOWN_T:g} is needed)"
    elif against := [name for name, part in (("validation", validation_t), ("test", test_t)) if part <= 0]:
        worst = _below(min(validation_t, test_t))
        verdict = f"no edge shown (t = {t:.1f} on {together}, but {worst} on {against[0]}; both parts must be above 0)"
    elif degenerate:
        verdict = f"no edge of its own, whatever one action earned (t = {t:.1f} on {together})"
    else:
        edge = Edge.CONFIRMED
        verdict = f"edge confirmed (t = {t:.1f} on {together})"
    noted = warnings(test, edge)
    if degenerate:
        verdict = f"{verdict}; degenerate policy"
        noted.insert(0, f"{degenerate}; it does not teach other buckets")
    return Evaluation(
        validation=validation,
        test=test,
        verdict=verdict,
        edge=edge,
        trades=EVERYWHERE if edge is Edge.CONFIRMED else NOWHERE,
        t=t,
        validation_t=validation_t,
        test_t=test_t,
        carriers=doubt.carriers if doubt is not None else (),
        warnings=tuple(noted),
    )


def _below(t: float) -> str:
    """A t that was not enough, rounded so that it does not look as if it were."""
    return f"{math.floor(t * 10) / 10:.1f}"


def warnings(test: tuple[Performance, ...], edge: Edge) -> list[str]:
    """What the numbers alone might hide."""
    own = test[0]
    noted = [
        f"collapsed to one action: {action} on {getattr(own, action):.0%} of the bars"
        for action in ("long", "flat", "short")
        if getattr(own, action) >= ONE_ACTION and not (edge is Edge.NONE and action == "flat")
    ]
    if own.log_return < 0:
        noted.append(f"loses money on test: log return {own.log_return:.3f} after costs")
    baselines = [row for row in test if row.kind is PerformanceKind.BASELINE]
    better = [row.strategy for row in baselines if row.log_return > max(own.log_return, 0.0)]
    if better:
        noted.append(f"beaten on test by {' and '.join(better)}")
    return noted
