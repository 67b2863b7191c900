"""How a verdict is written and coloured, so that no result is taken for what the model does in use.

A bucket is judged when no transfer can change its model any more; until then its evaluation is None. That of a trial has no rows.
"""

from __future__ import annotations

from typing import Literal

from progressive_core.contract.evaluation import Edge, Evaluation, Performance

DOUBTFUL, SOUND = "yellow", "green"
NOT_JUDGED = Evaluation(validation=(), test=(), verdict="not judged yet, which is done at the end of the run")
A_TRIAL = "a trial: no verdict"
NEEDED_T = 3.0
"""t that confirms an edge."""
SHORT = {Edge.CONFIRMED: "edge", Edge.IMPLAUSIBLE: "implausible", Edge.NONE: "no edge"}
SUMMARIES = {
    Edge.CONFIRMED: "edge confirmed: trades",
    Edge.IMPLAUSIBLE: "implausible: stays flat",
    Edge.NONE: "no edge shown: stays flat",
}


def judged(evaluation: Evaluation | None) -> Evaluation:
    """Return the evaluation, or one without rows where there is none yet."""
    return NOT_JUDGED if evaluation is None else evaluation


def summary(evaluation: Evaluation | None) -> str:
    """Say in a few words what was found, and what the model does in use, whatever its strategy earned."""
    if evaluation is None:
        return "not judged yet"
    if not evaluation.test:
        return A_TRIAL
    return f"edge {evaluation.trades}: trades there" if is_conditional(evaluation) else SUMMARIES[evaluation.edge]


def short_verdict(evaluation: Evaluation | None) -> str:
    """Say in a word or two what was found, for a column; only where it is an edge the model trades in use."""
    if evaluation is None:
        return "not judged"
    if not evaluation.test:
        return "no verdict"
    return f"edge {evaluation.trades}" if is_conditional(evaluation) else SHORT[evaluation.edge]


def shown_t(evaluation: Evaluation) -> float:
    """Return the t of a verdict to one digit; one that is not enough does not look as if it were, as in the verdict's words."""
    rounded = round(evaluation.t, 1)
    return rounded - 0.1 if not is_sound(evaluation) and evaluation.t < NEEDED_T <= rounded else rounded


def in_use(evaluation: Evaluation) -> str:
    """Say what a judged model does in use, beside the rows of what its strategy did."""
    if evaluation.edge is Edge.CONFIRMED:
        return f"trades {evaluation.trades}, stays flat elsewhere" if is_conditional(evaluation) else "trades"
    if not evaluation.test:
        return "stays flat: a trial has no verdict"
    if not any(row.turnover for row in (evaluation.test[0], *evaluation.validation[:1])):
        return "stays flat, as its strategy did"
    return "stays flat: the rows above are what its strategy did, not what the model will do"


def is_sound(evaluation: Evaluation | None) -> bool:
    """Return whether an edge is confirmed: only then may a result look good."""
    return evaluation is not None and evaluation.edge is Edge.CONFIRMED


def is_conditional(evaluation: Evaluation) -> bool:
    """Return whether the model trades in some regimes alone; its own rows are then what it does in use."""
    return evaluation.edge is Edge.CONFIRMED and evaluation.trades not in ("everywhere", "nowhere")


def with_regimes(evaluation: Evaluation, part: Literal["validation", "test"]) -> tuple[Performance, ...]:
    """Return the rows of a part, with what the strategy did in each regime alone behind the model's own."""
    rows: tuple[Performance, ...] = getattr(evaluation, part)
    inside = tuple(row for regime in evaluation.regimes for row in getattr(regime, part)[:1])
    return rows[:1] + inside + rows[1:]


def verdict_style(evaluation: Evaluation | None) -> str:
    """Return the colour of a verdict."""
    return SOUND if is_sound(evaluation) else DOUBTFUL
