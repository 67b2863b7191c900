"""Say in words whether an edge was shown, and what a user must know before believing it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from progressive_training import Evaluation

if TYPE_CHECKING:
    from progressive_training import Performance

SHOWN_T = 2.0
ONE_ACTION = 0.98
NO_EDGE = "no edge shown"


def judge(validation: tuple[Performance, ...], test: tuple[Performance, ...], abstains: bool) -> Evaluation:
    """Judge the first row of each part, the model's own, beside its baselines.

    An edge counts only when validation shows it (t of 2 or more) and the test part, read once, confirms it.
    """
    own, confirmed = validation[0], test[0]
    if own.t < SHOWN_T:
        verdict = f"{NO_EDGE} (t = {own.t:.1f} on validation, 2 is needed)"
    elif confirmed.t < SHOWN_T:
        verdict = f"edge on validation (t = {own.t:.1f}), not confirmed on test (t = {confirmed.t:.1f})"
    else:
        verdict = f"edge on validation (t = {own.t:.1f}), confirmed on test (t = {confirmed.t:.1f})"
    return Evaluation(validation=validation, test=test, verdict=verdict, warnings=tuple(warnings(test, abstains)))


def warnings(test: tuple[Performance, ...], abstains: bool) -> list[str]:
    """What the numbers alone might hide."""
    own = test[0]
    told = [
        f"collapsed to one action: {action} on {getattr(own, action):.0%} of the bars"
        for action in ("long", "flat", "short")
        if getattr(own, action) >= ONE_ACTION and not (abstains and action == "flat")
    ]
    if abstains:
        told.append("stays flat: its result on validation is not distinguishable from flat")
    if own.log_return < 0:
        told.append(f"loses money on test: log return {own.log_return:.3f} after costs")
    better = [row.strategy for row in test[1:] if row.log_return > own.log_return and row.strategy != "flat"]
    if better:
        told.append(f"beaten on test by {' and '.join(better)}")
    return told
