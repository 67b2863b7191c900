"""The transfer report as sections with tables, for a terminal and as Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from attrs import frozen

from progressive_app.presentation.quantities import share_text
from progressive_app.presentation.text_table import MISSING, NEVER, sentence, table
from progressive_core.contract.errors import printable
from progressive_core.contract.profit import profit_text
from progressive_studies.transfer_report.account import Account
from progressive_studies.transfer_report.matrix import ResultMatrix
from progressive_studies.transfer_report.worth import Worth

if TYPE_CHECKING:
    from progressive_studies.transfer_report.build import TransferReport

SPEED_HEADS = ("BUCKET", "TAUGHT BY", "JUMPSTART", "TO 90 %", "SCRATCH", "WITH SOURCES", "AREA RATIO", "WITH SOURCES")
END_HEADS = ("BUCKET", "BEST", "SCRATCH", "GAIN", "TEST", "SCRATCH", "GAIN")
MATRIX_HEAD = "MODEL OF"
PROOF_HEADS = ("SOURCE", "TARGET", "BEFORE", "AFTER", "ERROR", "OWN T")
STRATEGY_HEADS = ("STRATEGY", "PHASE", "KEPT", "ROLLED BACK", "SKIPPED", "FAILED", "GAINED", "SECONDS")
COMMAND = "  "
"""How a line of a remark begins that is a command, and not wrapped."""


@frozen
class Section:
    """A table with a title above it and a remark below, either of which may be missing; a first column names the rows."""

    title: str
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    remark: str = ""


def sections_of(report: TransferReport) -> list[Section]:
    """The sections of the report, the results first."""
    sections = _worth_sections(report.worths, report.times_cheaper)
    if report.matrix is not None and len(report.matrix.buckets) > 1:
        sections.append(_matrix_section(report.matrix))
    if report.account.trials:
        sections.append(_trial_section(report.account))
    if report.account.strategies:
        sections.append(_account_section(report.account))
    return [*sections, *(Section(title="", remark=f"note: {note}") for note in report.notes)]


def as_text(sections: Sequence[Section]) -> str:
    """The sections for a terminal or a pipe."""
    parts = []
    for section in sections:
        grid = table(section.header, section.rows) if section.rows else ""
        lines = section.remark.splitlines()
        remark = "\n".join(line if line.startswith(COMMAND) else sentence(line) for line in lines)
        parts.append("\n\n".join(part for part in (sentence(section.title), grid, remark) if part))
    return "\n\n".join(parts)


def as_markdown(title: str, sections: Sequence[Section]) -> str:
    """The same as a Markdown document."""
    text = "\n\n".join([f"# {title}", *(part for section in sections for part in _markdown(section))])
    return "\n".join(map(printable, text.split("\n"))) + "\n"


def _markdown(section: Section) -> Iterator[str]:
    if section.title:
        yield f"**{section.title}**"
    if section.rows:
        lines = [section.header, ("---",) * len(section.header), *section.rows]
        cells = [[cell.replace("|", r"\|") for cell in line] for line in lines]
        yield "\n".join(f"| {' | '.join(line)} |" for line in cells)
    if section.remark:
        yield section.remark


def _worth_sections(worths: Sequence[Worth], cheaper: float) -> list[Section]:
    speed = tuple(
        (
            worth.bucket,
            ", ".join(worth.taught_by) or MISSING,
            *_if_taught(worth, score(worth.jumpstart)),
            episodes(worth.episodes),
            *_if_taught(worth, episodes(worth.scratch_episodes), episodes(worth.episodes_with_sources)),
            *_if_taught(worth, ratio(worth.area_ratio), ratio(worth.area_ratio_with_sources)),
        )
        for worth in worths
        if worth.trains
    )
    ends = tuple(
        (
            worth.bucket,
            score(worth.asymptote),
            *_if_taught(worth, score(worth.scratch_asymptote), score(worth.asymptote - worth.scratch_asymptote)),
            score(worth.test),
            *_if_taught(worth, score(worth.scratch_test), score(worth.test - worth.scratch_test)),
        )
        for worth in worths
    )
    return [
        Section(
            "How fast: each bucket beside the same one from scratch, same seed and bars",
            SPEED_HEADS,
            speed,
            "JUMPSTART: how much higher the score is before any training. TO 90 %: episodes to 90 % of scratch's best score, and "
            "SCRATCH's own; WITH SOURCES counts those of the teachers too." + _chain(worths, cheaper),
        ),
        Section(
            "How far: the best score, and what the strategy earned on test, whether or not it trades in use",
            END_HEADS,
            ends,
            "GAIN: what being taught makes of the equity that scratch ends with.",
        ),
    ]


def _chain(worths: Sequence[Worth], cheaper: float) -> str:
    """What the whole sequence saved, in a sentence on a line of its own."""
    if math.isnan(cheaper) or not any(worth.taught_by for worth in worths):
        return ""
    counted = [worth for worth in worths if worth.trains and not math.isnan(worth.threshold)]
    late = [worth.bucket for worth in counted if math.isinf(worth.episodes)]
    if late:
        return f"\nThe whole sequence: {', '.join(late)} never reached 90 %."
    taught, scratch = sum(worth.episodes for worth in counted), sum(worth.scratch_episodes for worth in counted)
    return (
        f"\nThe whole sequence: {taught:.0f} episodes to 90 % in every bucket, {scratch:.0f} from scratch "
        f"({cheaper:.1f} times as many)."
    )


def _if_taught(worth: Worth, *cells: str) -> tuple[str, ...]:
    return cells if worth.taught_by else (MISSING,) * len(cells)


def _matrix_section(matrix: ResultMatrix) -> Section:
    rows = tuple(
        (name, *map(score, line)) for name, line in zip(("untrained", *matrix.buckets), matrix.scores, strict=True)
    )
    return Section(
        "R-matrix: the score of the model of each row in the bucket of each column",
        (MATRIX_HEAD, *matrix.buckets),
        rows,
        f"Forward transfer {score(matrix.forward)}, backward transfer {score(matrix.backward)} (means over the buckets).",
    )


def _trial_section(account: Account) -> Section:
    """The proofs of the sources before each bucket began; later ones are in transfer.json."""
    rows = tuple(
        (
            trial.source,
            trial.target,
            score(trial.before),
            score(trial.after),
            score(trial.error).lstrip("+"),
            f"{trial.source_t:.1f}" if math.isfinite(trial.source_t) else MISSING,
        )
        for trial in account.trials
        if trial.phase == "initial"
    )
    return Section(
        "Proof before trust: each source in the target's place, before the target was trained",
        PROOF_HEADS,
        rows,
        "BEFORE, AFTER: the target's score, and that of the source's weights in its place; ERROR: its standard error. OWN T: of "
        "the source's growth a bar where it learned, on bars that did not choose it.",
    )


def _account_section(account: Account) -> Section:
    rows = tuple(
        (
            each.strategy,
            each.phase,
            *(str(number) for number in (each.kept, each.rolled_back, each.skipped, each.failed)),
            score(each.gained),
            f"{each.seconds:.1f}",
        )
        for each in account.strategies
    )
    whole = account.run_seconds
    remark = (
        f"Transfer took {_share(account.seconds, whole)} of {whole:.0f} s: proofs {_share(account.proofs, whole)}, "
    )
    remark += f"tries {_share(account.tries, whole)}, opening and saving {_share(account.rest, whole)}."
    return Section("What the strategies did (ledger.jsonl)", STRATEGY_HEADS, rows, remark)


def _share(part: float, whole: float) -> str:
    return f"{part:.1f} s ({share_text(part / whole, 1)})" if whole > 0 else f"{part:.1f} s"


def score(value: float) -> str:
    """Write a score, or a difference of two, as profit."""
    return profit_text(value) if math.isfinite(value) else MISSING


def ratio(value: float) -> str:
    """Format a ratio of areas."""
    return f"{value:.2f}" if math.isfinite(value) else MISSING


def episodes(value: float) -> str:
    """A number of episodes; "never" where it is infinite."""
    return MISSING if math.isnan(value) else f"{value:.0f}" if math.isfinite(value) else NEVER
