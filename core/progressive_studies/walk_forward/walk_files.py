"""The files of a finished walk-forward: its result for programs and for people, and the models of its newest fold, to be used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from progressive_app.machine.durable_files import make_directory
from progressive_app.store.atomic_files import as_document, atomic_write, write_json
from progressive_app.store.models import FILE_NAME
from progressive_app.store.progress import status_of
from progressive_app.store.tensors import read_tensors, write_tensors
from progressive_core.contract.errors import RunError
from progressive_studies.study.study_plan import StudyPlan, run_directory
from progressive_studies.transfer_report.tables import as_markdown, as_text
from progressive_studies.walk_forward.walk_directory import MODELS, PAGE, RESULT, TEXT
from progressive_studies.walk_forward.walk_tables import sections_of

if TYPE_CHECKING:
    from progressive_studies.walk_forward.walk_tables import Document

CARD = "card.json"


def write_walk(study: Path, plan: StudyPlan, result_of: Callable[[], dict[str, Any]]) -> tuple[Path | None, str]:
    """Put a walk-forward together and return its page and a text; nothing is written while a fold is not finished.

    The models of the newest fold are copied to `models/BUCKET` with the verdict on all folds in their cards: they are the ones to
    use, and trade where that verdict lets them.

    :param result_of: makes the document.
    :raise RunError: a file cannot be written.
    """
    from progressive_studies.walk_forward.page.walk_page import page_of

    left = [run.name for run in plan.runs if status_of(run_directory(study, run.name)) != "finished"]
    if left:
        return None, f"{len(left)} of {len(plan.runs)} folds are not finished; they are put together when all are."
    document = result_of()
    sections = sections_of(document)
    try:
        for bucket in document["buckets"]:
            _serve(run_directory(study, plan.runs[-1].name), study, bucket)
        atomic_write(study / TEXT, as_markdown(f"Walk-forward {document['name']}", sections).encode())
        atomic_write(study / PAGE, page_of(document).encode("utf-8", "replace"))
        atomic_write(study / RESULT, as_document(document))
    except OSError as error:
        raise RunError(f"{study}: the result cannot be written ({error.strerror})") from error
    return study / PAGE, as_text(sections)


def _serve(newest: Path, study: Path, bucket: Document) -> None:
    """Copy the newest fold's model of a bucket, with the pooled verdict in its card."""
    name = bucket["bucket"]
    tensors, card = read_tensors(newest / MODELS / name / FILE_NAME)
    judged = {**card, "trades": bucket["trades"], "verdict": bucket["verdict"]}
    place = study / MODELS / name
    make_directory(place)
    write_tensors(place / FILE_NAME, tensors, judged)
    write_json(place / CARD, judged)
