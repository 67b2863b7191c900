"""A study's summary as sections with tables, for a terminal, as Markdown and for the page."""

from __future__ import annotations

import math
from collections.abc import Sequence

from progressive_app.presentation.quantities import number
from progressive_app.presentation.text_table import MISSING
from progressive_app.quoting import show
from progressive_core.contract.profit import profit_text
from progressive_studies.study.study_summary import Difference, Level, StudySummary
from progressive_studies.transfer_report.tables import Section

LEVEL_HEADS = ("ARM", "SEEDS", "TEST PROFIT", "SPREAD", "WORST", "BEST", "BUY AND HOLD", "EDGE T", "EDGES")
DIFFERENCE_HEADS = ("SEEDS", "TEST PROFIT", "ERROR", "T", "NEEDED T", "EDGE T", "SCORE")
ALL_MARKETS = "all"
LEVELS_MEANING = (
    "TEST PROFIT: the mean over the seeds of what the strategy earned on test, whether or not it trades in use; SPREAD is their "
    "standard deviation, EDGE T the mean of the verdicts' t, EDGES how many of them confirm an edge. Means are those of log returns."
)
DIFFERENCES_MEANING = (
    "Each pair has the same seed on the same bars. ERROR is that of the mean, T the mean over its error, NEEDED T what luck exceeds "
    "once in 20 times with so few seeds. EDGE T and SCORE: the mean differences of the verdicts' t and of the best validation scores."
)


def sections_of(summary: StudySummary) -> list[Section]:
    """The sections of a summary: the differences, the numbers of each bucket, the notes."""
    sections = [_differences(title, rows) for title, rows in difference_groups(summary.differences)]
    if summary.levels:
        sections.append(_levels(summary))
    return [*sections, *(Section(title="", remark=f"note: {note}") for note in summary.notes)]


def difference_groups(differences: Sequence[Difference]) -> list[tuple[str, list[Difference]]]:
    """The differences by what they are differences of, with a title for each."""
    groups: dict[str, list[Difference]] = {}
    for each in differences:
        groups.setdefault(difference_title(each), []).append(each)
    return list(groups.items())


def difference_title(difference: Difference) -> str:
    """What a difference is one of: "Being taught, less from scratch", "LEARNING_RATE: 0.0003 less 0.001"."""
    if difference.setting is None:
        return "Being taught, less the same bucket from scratch"
    return f"{difference.setting}: {show(difference.value)} less {show(difference.reference)}"


def _differences(title: str, rows: Sequence[Difference]) -> Section:
    return Section(title, difference_heads(rows), difference_rows(rows), DIFFERENCES_MEANING)


def difference_heads(rows: Sequence[Difference]) -> tuple[str, ...]:
    """Bucket, and market where there are several, before those of `DIFFERENCE_HEADS`."""
    return ("BUCKET", *(("MARKET",) if _has_markets(rows) else ()), *DIFFERENCE_HEADS)


def difference_rows(rows: Sequence[Difference]) -> tuple[tuple[str, ...], ...]:
    """The cells below `difference_heads`, a row for each."""
    several = _has_markets(rows)
    return tuple(
        (row.bucket, *((row.market or ALL_MARKETS,) if several else ()), *_difference_cells(row)) for row in rows
    )


def _difference_cells(difference: Difference) -> tuple[str, ...]:
    spread = difference.measures["profit"]
    return (
        str(spread.n),
        profit_text(spread.mean),
        _size(spread.error),
        number(spread.t, 1),
        number(spread.needed_t, 1),
        signed(difference.measures["edge_t"].mean),
        profit_text(difference.measures["score"].mean),
    )


def _levels(summary: StudySummary) -> Section:
    return Section("Each bucket over the seeds", level_heads(summary), level_rows(summary), LEVELS_MEANING)


def shown_levels(summary: StudySummary) -> tuple[Level, ...]:
    """The levels without the scratch arms that are the taught ones themselves in every run."""
    return tuple(level for level in summary.levels if level.same < level.measures["profit"].n or not level.same)


def level_heads(summary: StudySummary) -> tuple[str, ...]:
    """Bucket, market where there are several, and the settings that vary, before those of `LEVEL_HEADS`."""
    return ("BUCKET", *(("MARKET",) if _has_markets(summary.levels) else ()), *summary.varied, *LEVEL_HEADS)


def level_rows(summary: StudySummary) -> tuple[tuple[str, ...], ...]:
    """The cells below `level_heads`, a row for each level that is shown."""
    several = _has_markets(summary.levels)
    return tuple(
        (level.bucket, *((level.market or MISSING,) if several else ()), *_level_cells(level))
        for level in shown_levels(summary)
    )


def _level_cells(level: Level) -> tuple[str, ...]:
    profit = level.measures["profit"]
    return (
        *map(show, level.settings.values()),
        level.arm,
        str(profit.n),
        profit_text(profit.mean),
        _size(profit.sd),
        profit_text(profit.lowest),
        profit_text(profit.highest),
        profit_text(level.measures["buy_and_hold"].mean),
        number(level.measures["edge_t"].mean, 1),
        f"{level.edges}/{profit.n}",
    )


def _has_markets(rows: Sequence[Level | Difference]) -> bool:
    return len({row.market for row in rows}) > 1


def _size(log_return: float) -> str:
    """A spread or an error of profits, which has no sign."""
    return profit_text(log_return).removeprefix("+")


def signed(value: float) -> str:
    """A number with its sign, a dash where there is none."""
    if not math.isfinite(value):
        return MISSING
    return f"{value:+.1f}" if abs(value) >= 0.05 else "0.0"
