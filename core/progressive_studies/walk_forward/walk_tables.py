"""A walk-forward as sections with tables, for a terminal, as Markdown and for the page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from progressive_app.presentation import quantities
from progressive_app.presentation.quantities import share_text
from progressive_app.presentation.text_table import MISSING
from progressive_core.contract.profit import percent_text
from progressive_studies.transfer_report.tables import Section

Document = Mapping[str, Any]
"""What `walk_forward.json` holds."""
RESULT_HEADS = ("STRATEGY", "PROFIT", "SHARPE", "T", "ALPHA T", "BETA", "DRAWDOWN", "TRADES")
FOLD_HEADS = (
    "FOLD",
    "TEST FROM",
    "UNTIL",
    "PROFIT",
    "BUY AND HOLD",
    "T",
    "KNOWN T",
    "TRADES IN USE",
    "WARM START",
    "EPISODES",
    "DRIFT",
)
SKILL_HEADS = ("FOLD", "MOVED MOST")
RESULT_MEANING = (
    "All test parts one after the other, each bar decided by a model that had seen nothing from its fold's test part on; positions are "
    "followed across borders. ALPHA T and BETA: to buy and hold on the same bars. Abstaining: flat in folds before which no edge was shown."
)
FOLD_MEANING = (
    "KNOWN T: of the first validation part and the test parts before this fold, pooled; from {t:g} on, with alpha likewise where "
    "beta is 0.2 or more and a t above 0 on its own validation part, the fold would have traded. WARM START: what became of the "
    "model of the fold before. DRIFT: how far the features moved from the training bars, the mean over features, in their "
    "deviations there."
)
SKILL_MEANING = (
    "MOVED MOST: the features that drifted most, and how far. H: the correlation of predicted and actual returns over so many bars, "
    "less its standard error, at least 0."
)


def sections_of(document: Document) -> list[Section]:
    """The sections of a walk-forward: what it shows, then each bucket's result, folds and drift."""
    sections = [Section("What it shows", remark="\n".join(findings(document)))]
    if document["together"]:
        sections.append(_results("All buckets, an equal share each", document["together"]["performance"]))
    for bucket in document["buckets"]:
        name = bucket["bucket"]
        sections.append(_results(f"{name}, out of sample", bucket["performance"]))
        meaning = FOLD_MEANING.format(t=document["t_needed"])
        sections.append(Section(f"{name}, fold by fold", FOLD_HEADS, fold_rows(document, bucket), meaning))
        sections.append(Section(f"{name}, drift and skill", skill_heads(bucket), skill_rows(bucket), SKILL_MEANING))
    return sections


def number(value: float | None, digits: int) -> str:
    """A number of the document, in which one that is not known is null."""
    return quantities.number(math.nan if value is None else value, digits)


def findings(document: Document) -> list[str]:
    """What is shown and what is not, a sentence each; the verdict of each bucket first."""
    years, needed = document["years"], document["t_needed"]
    told = []
    for bucket in document["buckets"]:
        own = bucket["performance"][0]
        told.append(f"{bucket['bucket']}: {bucket['verdict']}.")
        told.append(
            f"{bucket['bucket']}: t {number(own['t'], 1)} and a Sharpe ratio of {number(own['sharpe'], 2)} over {years:.1f} years out of "
            f"sample. {_years_text(bucket['years_needed'], needed, own['sharpe'])}"
        )
    if document["together"]:
        own = document["together"]["performance"][0]
        wait = _years_text(document["together"]["years_needed"], needed, own["sharpe"])
        told.append(f"All buckets together: t {number(own['t'], 1)}, Sharpe ratio {number(own['sharpe'], 2)}. {wait}")
    told.append(
        f"A strategy whose true Sharpe ratio is 1 shows a t of {needed:g} in {share_text(document['chance_at_sharpe_1'])} of histories of "
        f"{years:.1f} years: a lower t does not show that there is nothing, and looking at many until one passes shows nothing either."
    )
    return told


def _years_text(years: float | None, needed: float, sharpe: float | None) -> str:
    if years is None or not math.isfinite(years):
        return f"At this ratio no history is long enough for a t of {needed:g}."
    return f"At this ratio a t of {needed:g} takes {years:,.1f} years on average, ({needed:g} / {number(sharpe, 2)}) squared."


def _results(title: str, rows: Sequence[Document]) -> Section:
    return Section(title, RESULT_HEADS, tuple(map(result_row, rows)), RESULT_MEANING)


def result_row(row: Document) -> tuple[str, ...]:
    """The cells below `RESULT_HEADS`."""
    return (
        row["strategy"],
        percent_text(row["profit"]),
        number(row["sharpe"], 2),
        number(row["t"], 1),
        number(row["alpha_t"], 1),
        number(row["beta"], 2),
        share_text(row["drawdown_share"]),
        f"{row['trades']:,}",
    )


def fold_rows(document: Document, bucket: Document) -> tuple[tuple[str, ...], ...]:
    """The cells below `FOLD_HEADS`, a row for each fold."""
    return tuple(_fold_row(fold, own) for fold, own in zip(document["folds"], bucket["folds"], strict=True))


def _fold_row(fold: Document, own: Document) -> tuple[str, ...]:
    return (
        str(fold["fold"]),
        fold["test_from"][:10],
        fold["until"][:10],
        percent_text(own["profit"]),
        percent_text(own["hold_profit"]),
        number(own["t"], 1),
        number(own["known_t"], 1),
        "yes" if own["traded"] else "no",
        warm_text(own.get("warm_start")),
        str(own.get("episodes", MISSING)),
        number(own["drift"], 2),
    )


def warm_text(warm: Document | None) -> str:
    """What became of the model of the fold before, in a few words."""
    if warm is None:
        return MISSING
    return "taken" if warm["kept"] else warm["reason"].split(":")[0].split(",")[0]


def skill_heads(bucket: Document) -> tuple[str, ...]:
    """`SKILL_HEADS`, and one for each horizon."""
    return (*SKILL_HEADS, *(f"H {horizon}" for horizon in bucket["folds"][0]["skill"]))


def skill_rows(bucket: Document) -> tuple[tuple[str, ...], ...]:
    """The cells below `skill_heads`, a row for each fold."""
    return tuple(
        (
            str(fold["fold"]),
            ", ".join(f"{each['feature']} {each['distance']:.1f}" for each in fold["drifted"]),
            *(f"{skill:.2f}" for skill in fold["skill"].values()),
        )
        for fold in bucket["folds"]
    )
