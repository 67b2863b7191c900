"""Say in words whether an edge was shown, and what a user must know before believing it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from progressive_training import Evaluation

if TYPE_CHECKING:
    from progressive_training import Performance

SHOWN_T = 2.5
"""One look needs a t of 2; this one is of the best of many episodes, chosen on the same validation part."""
CONFIRMED_T = 2.0
ONE_ACTION = 0.98
NO_EDGE = "no edge shown"


def judge(validation: tuple[Performance, ...], test: tuple[Performance, ...], abstains: bool) -> Evaluation:
    """Judge the model on validation and test, its own row first (and, where it abstains, what it would have done next).

    An edge counts only when validation shows it and the test part, which is read once, confirms it.
    """
    own, confirmed = (rows[1] if abstains else rows[0] for rows in (validation, test))
    if own.t < SHOWN_T:
        verdict = f"{NO_EDGE} (t = {own.t:.1f} on validation, {SHOWN_T:g} is needed)"
    elif confirmed.t < CONFIRMED_T:
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
        told.append("stays flat, since validation shows no edge; what it would have done is a row of its own")
    if own.log_return < 0:
        told.append(f"loses money on test: log return {own.log_return:.3f} after costs")
    better = [
        row.strategy for row in test[1:] if row.log_return > max(own.log_return, 0.0) and "had it" not in row.strategy
    ]
    if better:
        told.append(f"beaten on test by {' and '.join(better)}")
    return told
