"""The files that a study is put together in: `summary.json` for programs, `summary.md` and `summary.html` for people."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from progressive_app.store.atomic_files import as_document, atomic_write
from progressive_core.contract.errors import RunError
from progressive_studies.study.study_plan import StudyPlan
from progressive_studies.study.study_summary import for_programs, summary_of
from progressive_studies.study.study_tables import sections_of
from progressive_studies.transfer_report.tables import as_markdown, as_text

SUMMARY_PAGE = "summary.html"


def write_summary(study: Path, plan: StudyPlan, reasons: Mapping[str, str]) -> tuple[Path, str]:
    """Put the study together as far as its runs are finished, write the three files, and return the page and the text.

    :param reasons: why runs did not finish, by name. :raise RunError: a file cannot be written.
    """
    from progressive_studies.study.page.study_page import page_of

    summary = summary_of(study, plan, reasons)
    sections = sections_of(summary)
    files = {
        "summary.json": as_document(for_programs(summary)),
        "summary.md": as_markdown(f"Study {summary.name}", sections).encode(),
        SUMMARY_PAGE: page_of(summary).encode("utf-8", "replace"),
    }
    for name, content in files.items():
        try:
            atomic_write(study / name, content)
        except OSError as error:
            raise RunError(f"{study / name}: the summary cannot be written ({error.strerror})") from error
    return study / SUMMARY_PAGE, as_text(sections)
