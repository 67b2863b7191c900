"""How a verdict is written where space is short, and in which colour."""

from __future__ import annotations

from progressive_training import Edge, Evaluation

DOUBTFUL, SOUND = "yellow", "green"
SHORT = {Edge.CONFIRMED: "trades", Edge.IMPLAUSIBLE: "implausible", Edge.NONE: "stays flat"}
SUMMARIES = {
    Edge.CONFIRMED: "edge confirmed: trades",
    Edge.IMPLAUSIBLE: "implausible: stays flat",
    Edge.NONE: "no edge shown: stays flat",
}


def in_use(evaluation: Evaluation) -> str:
    """Say what the verdict makes of a model: whether it trades in use, whatever its strategy earned."""
    return SUMMARIES[evaluation.edge]


def short_verdict(evaluation: Evaluation) -> str:
    """Say the same in a word or two, for a column."""
    return SHORT[evaluation.edge]


def verdict_style(evaluation: Evaluation) -> str:
    """Return the colour of a verdict: green for an edge that is confirmed, and for nothing else."""
    return SOUND if evaluation.edge is Edge.CONFIRMED else DOUBTFUL
