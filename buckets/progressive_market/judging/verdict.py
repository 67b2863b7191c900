"""The verdict: whether an edge was shown and confirmed, and what a user must know before believing it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from progressive_training import Edge, Evaluation, PerformanceKind

if TYPE_CHECKING:
    from progressive_training import Performance

SHOWN_T = 3.0
"""A t of 2 is for one look. A learner looks many times, so this is the hurdle of Harvey, Liu and Zhu (2016) for results
found by searching. Seen by us: of 24 trainings on driftless random walks three reached 2 even so, none 3."""
CONFIRMED_T = 2.0
ONE_ACTION = 0.98
NO_EDGE = "no edge shown"


def judge(
    validation: tuple[Performance, ...],
    test: tuple[Performance, ...],
    t: float,
    degenerate: str = "",
    *,
    by_test_alone: bool = False,
) -> Evaluation:
    """Judge the model by its rows on validation and test, its own first (where it abstains, what it would have done next).

    :param t: that of validation bars which did not choose the model (see `MarketEvaluator`). An edge counts only when
        they show it and the test part, which is read once, confirms it.
    :param degenerate: the reason that `degeneration` gives, or empty: what one action earned while others
        paid is no edge of the policy's.
    :param by_test_alone: `t` is that of test, since it is not known what validation has decided.
    """
    edge = Edge.NONE
    bars = "test bars alone" if by_test_alone else "validation bars that did not choose the model"
    if t < SHOWN_T:
        verdict = f"{NO_EDGE} (t = {_below(t)} on {bars}, {SHOWN_T:g} is needed)"
    elif degenerate:
        verdict = f"no edge of its own, whatever one action earned (t = {t:.1f} on {bars.split(maxsplit=1)[0]})"
    elif by_test_alone:
        edge = Edge.CONFIRMED
        verdict = f"edge on test (t = {t:.1f}); validation does not count, since no choice was considered on it"
    elif test[0].t < CONFIRMED_T:
        edge = Edge.SHOWN
        verdict = f"edge on validation (t = {t:.1f}), not confirmed on test (t = {_below(test[0].t)})"
    else:
        edge = Edge.CONFIRMED
        verdict = f"edge on validation (t = {t:.1f}), confirmed on test (t = {test[0].t:.1f})"
    noted = warnings(test, abstains=t < SHOWN_T)
    if degenerate:
        verdict = f"{verdict}; degenerate policy"
        noted.insert(0, f"{degenerate}; it does not teach other buckets")
    return Evaluation(validation=validation, test=test, verdict=verdict, edge=edge, t=t, warnings=tuple(noted))


def _below(t: float) -> str:
    """A t that was not enough, rounded so that it does not look as if it were."""
    return f"{math.floor(t * 10) / 10:.1f}"


def warnings(test: tuple[Performance, ...], *, abstains: bool) -> list[str]:
    """What the numbers alone might hide."""
    own = test[0]
    noted = [
        f"collapsed to one action: {action} on {getattr(own, action):.0%} of the bars"
        for action in ("long", "flat", "short")
        if getattr(own, action) >= ONE_ACTION and not (abstains and action == "flat")
    ]
    if abstains:
        noted.append("stays flat, since no edge is shown; what it would have done is a row of its own")
    if own.log_return < 0:
        noted.append(f"loses money on test: log return {own.log_return:.3f} after costs")
    baselines = [row for row in test if row.kind is PerformanceKind.BASELINE]
    better = [row.strategy for row in baselines if row.log_return > max(own.log_return, 0.0)]
    if better:
        noted.append(f"beaten on test by {' and '.join(better)}")
    return noted
